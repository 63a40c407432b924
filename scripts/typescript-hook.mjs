// The loader hook behind typescript.mjs: a .ts file becomes JavaScript by erasing its types, nothing is checked. What was
// erased once is kept, so that a process whose memory and start are measured does not load the compiler.
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const CACHE = new URL("../node_modules/.cache/ettin-erased/", import.meta.url);

export async function load(url, context, nextLoad) {
  if (!url.startsWith("file:") || !url.endsWith(".ts")) return nextLoad(url, context);

  const path = fileURLToPath(url);
  const text = await readFile(path, "utf8");
  const kept = new URL(`${createHash("sha256").update(path).update("\0").update(text).digest("hex")}.mjs`, CACHE);
  const source = await readFile(kept, "utf8").catch(() => erased(path, text, kept));
  return { format: "module", source, shortCircuit: true };
}

async function erased(path, text, kept) {
  const { default: typescript } = await import("typescript");
  const { outputText } = typescript.transpileModule(text, {
    fileName: path,
    compilerOptions: { target: "ES2022", module: "ESNext", verbatimModuleSyntax: true, inlineSourceMap: true },
  });
  await mkdir(CACHE, { recursive: true });
  const partial = new URL(`${kept.href}.${process.pid}`);
  await writeFile(partial, outputText);
  await rename(partial, kept); // whole, or not there
  return outputText;
}
