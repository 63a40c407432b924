// npm run format: Biome for TypeScript, JavaScript and JSON, clang-format for C++ and CUDA. --check changes nothing.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { install, main, ROOT, run } from "./prepare.mjs";

const check = process.argv.includes("--check");

await main(async () => {
  await install();
  const biome = join(ROOT, "node_modules/@biomejs/biome/bin/biome");
  const code = await run(process.execPath, [biome, "check", ...(check ? [] : ["--write"]), "--error-on-warnings"]);
  return Math.max(code, await formatNative());
});

async function formatNative() {
  const { stdout } = spawnSync(
    "git",
    [
      "ls-files",
      "--cached",
      "--others",
      "--exclude-standard",
      "native/*.cpp",
      "native/*.h",
      "native/*.cu",
      "native/*.cuh",
    ],
    { cwd: ROOT, encoding: "utf8" },
  );
  const files = stdout.split("\n").filter((path) => path && existsSync(join(ROOT, path)));
  if (files.length === 0) return 0;

  const clangFormat = findClangFormat();
  if (!clangFormat) {
    console.log(
      `[format] ${files.length} C++ files were not looked at: clang-format is not here. Run: npm ci, or on another platform than x64: pip install clang-format==15.0.7`,
    );
    return 0;
  }
  return run(clangFormat, [...(check ? ["--dry-run", "--Werror"] : ["-i"]), "--style=file", ...files]);
}

/** The pinned one from the lock file, because versions disagree about line breaks; else the one on the path. */
function findClangFormat() {
  const pinned = {
    "linux-x64": "linux_x64/clang-format",
    "darwin-x64": "darwin_x64/clang-format",
    "darwin-arm64": "darwin_x64/clang-format",
    "win32-x64": "win32/clang-format.exe",
  }[`${process.platform}-${process.arch}`];
  const candidates = [pinned && join(ROOT, "node_modules/clang-format/bin", pinned), "clang-format"];
  return candidates.find((path) => path && spawnSync(path, ["--version"], { stdio: "ignore" }).status === 0);
}
