import type { Addon, TokenizerDescription } from "../backend/addon.ts";
import { EngineError } from "../errors.ts";
import type { EncodedTexts, TextToIds } from "./text-to-ids.ts";

/** Closes the native side of tokenizers that nobody holds any more. */
const forgotten = new FinalizationRegistry<{ addon: Addon; id: number }>(({ addon, id }) => addon.closeTokenizer(id));

const utf8 = new TextEncoder();

/** A UTF-16 unit is at most three bytes of UTF-8. */
const MOST_BYTES = 3;

/** Byte-level BPE in native code. Half a surrogate pair is encoded as U+FFFD, as the library does. */
export class NativeTokenizer implements TextToIds {
  readonly #addon: Addon;
  readonly #id: number;
  #scratch: Uint8Array = new Uint8Array(4096);
  #disposed = false;

  constructor(addon: Addon, description: TokenizerDescription) {
    this.#addon = addon;
    this.#id = addon.openTokenizer(description);
    forgotten.register(this, { addon, id: this.#id }, this);
  }

  encode(text: string): Int32Array {
    this.#expectOpen("Tokenizer.encode");
    if (MOST_BYTES * text.length > this.#scratch.length) {
      const bytes = utf8.encode(text);
      if (MOST_BYTES * text.length <= 2 ** 16) this.#scratch = new Uint8Array(2 ** 16);
      return this.#addon.encodeText(this.#id, bytes, bytes.length);
    }
    const { written } = utf8.encodeInto(text, this.#scratch);
    return this.#addon.encodeText(this.#id, this.#scratch, written);
  }

  async encodeBatch(texts: readonly string[]): Promise<EncodedTexts> {
    this.#expectOpen("Tokenizer.encodeBatch");
    const offsets = new Float64Array(texts.length + 1);
    texts.forEach((text, i) => {
      offsets[i + 1] = offsets[i]! + Buffer.byteLength(text, "utf8");
    });
    const bytes = Buffer.allocUnsafeSlow(offsets[texts.length]!);
    texts.forEach((text, i) => {
      bytes.write(text, offsets[i]!, "utf8");
    });
    const { batch, done } = this.#addon.encodeTexts(this.#id, bytes, offsets);
    try {
      await done;
    } catch (error) {
      throw new EngineError("Tokenizer.encodeBatch", String(error), "Encode fewer texts at once.", { cause: error });
    }
    return this.#addon.takeEncoded(batch);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    forgotten.unregister(this);
    this.#addon.closeTokenizer(this.#id);
  }

  #expectOpen(where: string): void {
    if (!this.#disposed) return;
    throw new EngineError(where, "the tokenizer was disposed", "Load it again, or dispose it after its last use.");
  }
}
