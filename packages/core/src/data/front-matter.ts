/** What the front matter of a README is made of, as far as it is read here. */
export type FrontMatter = string | readonly FrontMatter[] | { readonly [key: string]: FrontMatter };

interface Line {
  readonly indent: number;
  readonly text: string;
}

/**
 * One field of a README's front matter. Of YAML that is block mappings, block lists, lists in brackets and scalars on a
 * line, which stay texts: what the hub's own tools write.
 *
 * @returns null where there is no front matter or no such field
 * @throws Error where the field is written in another way
 */
export function frontMatterField(readme: string, field: string): FrontMatter | null {
  const matter = /^\ufeff?---\r?\n([\s\S]*?)\r?\n---(?:\r?\n|$)/.exec(readme)?.[1];
  if (matter === undefined) return null;
  const lines = matter.split(/\r?\n/);
  const start = lines.findIndex((line) => line.startsWith(`${field}:`));
  if (start < 0) return null;
  const own = lines[start]!.slice(field.length + 1);
  if (withoutComment(own) !== "") return scalar(withoutComment(own));
  const length = lines.slice(start + 1).findIndex((line) => /^[^\s#-]/.test(line));
  const block = lines
    .slice(start + 1, length < 0 ? undefined : start + 1 + length)
    .map((line) => ({ indent: line.search(/\S/), text: withoutComment(line) }))
    .filter(({ text }) => text !== "");
  const reader = { lines: block, at: 0 };
  const value = block.length > 0 ? node(reader, block[0]!.indent) : "";
  if (reader.at < block.length) throw new Error(`cannot read ${JSON.stringify(block[reader.at]!.text)}`);
  return value;
}

interface Reader {
  readonly lines: Line[];
  at: number;
}

/** Everything from here on that is indented by so much. */
function node(reader: Reader, indent: number): FrontMatter {
  const isItem = ({ text }: Line) => text === "-" || text.startsWith("- ");
  const here = () => {
    const line = reader.lines[reader.at];
    return line?.indent === indent ? line : null;
  };
  if (isItem(reader.lines[reader.at]!)) {
    const items: FrontMatter[] = [];
    for (let line = here(); line && isItem(line); line = here()) {
      const rest = line.text.slice(1).trimStart();
      if (rest === "") {
        reader.at++;
        items.push(below(reader, indent + 1));
      } else {
        // what stands behind the dash is the first line of the item
        const inner = indent + line.text.length - rest.length;
        reader.lines[reader.at] = { indent: inner, text: rest };
        if (KEY.test(rest)) items.push(node(reader, inner));
        else {
          reader.at++;
          items.push(scalar(rest));
        }
      }
    }
    return items;
  }
  const fields: [string, FrontMatter][] = [];
  for (let line = here(); line && !isItem(line); line = here()) {
    const found = KEY.exec(line.text);
    if (!found) throw new Error(`cannot read ${JSON.stringify(line.text)}`);
    reader.at++;
    const [, key, value] = found;
    // a list may stand under its key without an indent
    const next = reader.lines[reader.at];
    const inner = next?.indent === indent && isItem(next) ? indent : indent + 1;
    fields.push([unquoted(key!), value ? scalar(value) : below(reader, inner)]);
  }
  return Object.fromEntries(fields);
}

const KEY = /^("[^"]*"|'[^']*'|[\w.-]+):(?:\s+(.*))?$/;

/** What follows, if it is indented by at least so much. */
function below(reader: Reader, indent: number): FrontMatter {
  const next = reader.lines[reader.at];
  return next && next.indent >= indent ? node(reader, next.indent) : "";
}

function scalar(text: string): FrontMatter {
  if (text.startsWith("[") && text.endsWith("]")) {
    const inside = text.slice(1, -1).trim();
    return inside === "" ? [] : inside.split(",").map((item) => scalar(item.trim()));
  }
  if (/^[{&*!|>%@`]/.test(text) && !/^\*+[\w./]/.test(text)) throw new Error(`cannot read ${JSON.stringify(text)}`);
  return unquoted(text);
}

function unquoted(text: string): string {
  if (text.length > 1 && text.startsWith('"') && text.endsWith('"')) return JSON.parse(text) as string;
  return text.length > 1 && text.startsWith("'") && text.endsWith("'") ? text.slice(1, -1).replaceAll("''", "'") : text;
}

/** A comment begins at the line's start or behind a space, not in quotes. */
const withoutComment = (line: string): string => (/^(?:[^"'#]|"[^"]*"|'[^']*'|(?<=\S)#)*/.exec(line)?.[0] ?? "").trim();
