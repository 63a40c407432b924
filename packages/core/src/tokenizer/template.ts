/** Where special tokens go around the texts: a tokenizer.json's post-processor as a list of ids and places. */
import { type Component, fileError, type TokenizerJson } from "./tokenizer-json.ts";

/** A special token's id, or the place of the first ("A") or second ("B") text; and the token type of what stands there. */
export interface TemplateItem {
  readonly place: number | "A" | "B";
  readonly type: number;
}

export interface Template {
  readonly single: readonly TemplateItem[];
  readonly pair: readonly TemplateItem[];
}

const A: TemplateItem = { place: "A", type: 0 };
const B: TemplateItem = { place: "B", type: 1 };
const BARE: Template = { single: [A], pair: [A, B] };

/** Reads the post-processor. Kinds that only move offsets (ByteLevel) add nothing. */
export function readTemplate(file: string, { post_processor }: TokenizerJson): Template {
  return (post_processor && templateOf(file, "post_processor", post_processor)) ?? BARE;
}

function templateOf(file: string, field: string, processor: Component): Template | null {
  switch (processor.type) {
    case "ByteLevel":
      return null;
    case "TemplateProcessing":
      return {
        single: items(file, `${field}.single`, processor.single, processor.special_tokens),
        pair: items(file, `${field}.pair`, processor.pair, processor.special_tokens),
      };
    case "BertProcessing": {
      const [cls, sep] = [tokenOf(file, field, processor, "cls"), tokenOf(file, field, processor, "sep")];
      const single = [item(cls), A, item(sep)];
      return { single, pair: [...single, B, item(sep, 1)] };
    }
    case "RobertaProcessing": {
      const [cls, sep] = [tokenOf(file, field, processor, "cls"), tokenOf(file, field, processor, "sep")];
      const single = [item(cls), A, item(sep)];
      return { single, pair: [...single, item(sep), { place: "B", type: 0 }, item(sep)] };
    }
    case "Sequence": {
      const parts = Array.isArray(processor.processors) ? (processor.processors as Component[]) : [];
      const templates = parts.flatMap((part, i) => templateOf(file, `${field}.processors[${i}]`, part) ?? []);
      if (templates.length > 1) throw fileError(file, field, `adds special tokens ${templates.length} times over`);
      return templates[0] ?? null;
    }
    default:
      throw fileError(file, `${field}.type`, `is "${processor.type}", which is not known`);
  }
}

const item = (place: number, type = 0): TemplateItem => ({ place, type });

function tokenOf(file: string, field: string, processor: Component, name: "cls" | "sep"): number {
  const pair = processor[name];
  const id: unknown = Array.isArray(pair) ? pair[1] : undefined;
  if (!Number.isInteger(id)) throw fileError(file, `${field}.${name}`, "is not a token and its id");
  return id as number;
}

interface Piece {
  readonly SpecialToken?: { readonly id: string; readonly type_id: number };
  readonly Sequence?: { readonly id: string; readonly type_id: number };
}

function items(file: string, field: string, pieces: unknown, specials: unknown): TemplateItem[] {
  if (!Array.isArray(pieces)) throw fileError(file, field, "is not a list");
  return (pieces as Piece[]).flatMap((piece, i) => {
    if (piece?.Sequence?.id === "A" || piece?.Sequence?.id === "B") {
      return { place: piece.Sequence.id, type: piece.Sequence.type_id ?? 0 } as const;
    }
    const name = piece?.SpecialToken?.id;
    if (name === undefined) throw fileError(file, `${field}[${i}]`, "is neither a special token nor a sequence");
    const table = specials as Record<string, { ids?: unknown }> | undefined;
    const ids = table && Object.hasOwn(table, name) ? table[name]?.ids : undefined;
    if (!Array.isArray(ids) || !ids.every((id) => Number.isInteger(id) && id >= 0)) {
      throw fileError(
        file,
        `${field}[${i}]`,
        `names ${JSON.stringify(name)}, which post_processor.special_tokens lacks`,
      );
    }
    return ids.map((id: number) => item(id, piece.SpecialToken!.type_id ?? 0));
  });
}

/** Special tokens that a template puts around one text, or around a pair. */
export const addedBy = (template: readonly TemplateItem[]): number =>
  template.filter(({ place }) => typeof place === "number").length;
