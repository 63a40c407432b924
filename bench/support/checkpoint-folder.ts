import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ModernBertModel } from "@ettin/core";

/**
 * A folder with an encoder of random weights, float32, and a tokenizer beside it if there is one; removed at the end of
 * the process.
 *
 * @param tokenizer a folder with `tokenizer.json`
 */
export async function checkpointFolder(size: string, tokenizer?: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "ettin-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const model = ModernBertModel.fromConfig(`ettin-encoder-${size}`);
  await model.savePretrained(folder);
  model.dispose();
  for (const file of ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]) {
    const from = join(tokenizer ?? "", file);
    if (tokenizer && existsSync(from)) cpSync(from, join(folder, file));
  }
  return folder;
}
