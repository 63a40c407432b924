// Groups the kernels' files into translation units: writes units/<n>.cpp and prints their names for binding.gyp. Most
// of a small file's compile time is the intrinsics' header, which a unit reads once. Neighbours in the alphabet, whose
// private helpers may share names, go to different units.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SHARED = 12;
const ALONE = ["attention.cpp", "gemm.cpp"]; // large, and the last to finish
const folder = dirname(fileURLToPath(import.meta.url));
const files = readdirSync(join(folder, "cpu"))
  .filter((file) => file.endsWith(".cpp"))
  .sort();
const small = files.filter((file) => !ALONE.includes(file));
const groups = [
  ...ALONE.map((file) => [file]),
  ...Array.from({ length: SHARED }, (_, unit) => small.filter((_, i) => i % SHARED === unit)),
];

const written = groups.map((group, unit) => {
  const name = `units/${unit}.cpp`;
  const text = group.map((file) => `#include "../cpu/${file}"\n`).join("");
  mkdirSync(join(folder, "units"), { recursive: true });
  const path = join(folder, name);
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text); // unchanged: not rebuilt
  return name;
});
for (const file of readdirSync(join(folder, "units"))) {
  if (!written.includes(`units/${file}`)) rmSync(join(folder, "units", file));
}
console.log(written.join(" "));
