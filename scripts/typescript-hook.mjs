// The loader hook behind typescript.mjs: a .ts file becomes JavaScript by erasing its types, nothing is checked. What was
// erased once is kept in node_modules/.cache, by the hash of the file: a program of many files starts in a second.
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CACHE = fileURLToPath(new URL("../node_modules/.cache/ettin-typescript", import.meta.url));
const FORM = "ES2022 1"; // a new one where the options below change

export async function load(url, context, nextLoad) {
  if (!url.startsWith("file:") || !url.endsWith(".ts")) return nextLoad(url, context);

  const path = fileURLToPath(url);
  const text = await readFile(path, "utf8");
  const key = createHash("sha256").update(`${FORM}\0${path}\0${text}`).digest("hex");
  const cached = join(CACHE, `${key}.js`);
  const source = await readFile(cached, "utf8").catch(() => erased(path, text, cached));
  return { format: "module", source, shortCircuit: true };
}

async function erased(path, text, cached) {
  const { default: typescript } = await import("typescript");
  const { outputText } = typescript.transpileModule(text, {
    fileName: path,
    compilerOptions: { target: "ES2022", module: "ESNext", verbatimModuleSyntax: true, inlineSourceMap: true },
  });
  const beside = `${cached}.${randomBytes(4).toString("hex")}`;
  await mkdir(CACHE, { recursive: true })
    .then(() => writeFile(beside, outputText))
    .then(() => rename(beside, cached))
    .catch(() => {}); // a folder that cannot be written costs time only
  return outputText;
}
