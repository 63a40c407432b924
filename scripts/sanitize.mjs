// npm run sanitize [address,undefined] [thread] [-- filter…]: builds the addon with sanitizers, beside the ordinary build,
// and runs the tests of native and core on it. Both kinds without an argument. Linux with g++ only.
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { main, prepare, ROOT, run, runQuietly, timed } from "./prepare.mjs";

/** Per kind: the runtime that must be loaded before Node, and its options. */
const KINDS = {
  "address,undefined": {
    runtime: "libasan.so",
    // Node itself leaves memory to the end of the process, so a leak report would be about Node.
    env: { ASAN_OPTIONS: "detect_leaks=0:abort_on_error=1", UBSAN_OPTIONS: "print_stacktrace=1" },
  },
  thread: {
    runtime: "libtsan.so",
    // Node is not instrumented: what its own threads do to each other cannot be judged.
    env: { TSAN_OPTIONS: "ignore_noninstrumented_modules=1:halt_on_error=1:exitcode=66" },
  },
};
const FILTERS = ["test/native", "test/core"];

await main(async () => {
  if (process.platform !== "linux") throw new Error("[sanitize] needs Linux and g++. Run it in a container: node:24");
  const given = process.argv.slice(2).filter((word) => word in KINDS);
  const filters = process.argv.slice(2).filter((word) => !(word in KINDS));
  await prepare();

  for (const kind of given.length > 0 ? given : Object.keys(KINDS)) {
    const addon = await timed(`building with the ${kind} sanitizer`, () => build(kind));
    const code = await test(kind, addon, filters.length > 0 ? filters : FILTERS);
    if (code !== 0) return code;
  }
});

/** node-gyp builds where its binding.gyp lies, so the sources go to a folder per kind; unchanged ones keep their time. */
async function build(kind) {
  const folder = join(ROOT, "native", `build-${kind.replace(",", "-")}`);
  for (const entry of readdirSync(join(ROOT, "native"))) {
    if (entry.startsWith("build") || entry === "node_modules") continue;
    cpSync(join(ROOT, "native", entry), join(folder, entry), { recursive: true, preserveTimestamps: true });
  }
  const env = { ...process.env, ETTIN_SANITIZE: kind };
  await runQuietly("sanitize", process.execPath, [join(ROOT, "scripts/build-native.mjs"), "--folder", folder], { env });
  return join(folder, "build/Release/ettin.node");
}

function test(kind, addon, filters) {
  const { runtime, env } = KINDS[kind];
  const preload = spawnSync("g++", [`-print-file-name=${runtime}`], { encoding: "utf8" }).stdout.trim();
  if (!preload.startsWith("/"))
    throw new Error(`[sanitize] g++ has no ${runtime}. Run: apt-get install -y libgcc-12-dev`);

  // Without a fixed address space the thread sanitizer may find its own addresses taken.
  const vitest = [
    process.execPath,
    join(ROOT, "node_modules/vitest/vitest.mjs"),
    "run",
    "--testTimeout=600000",
    ...filters,
  ];
  return run("setarch", ["-R", ...vitest], {
    env: { ...process.env, ...env, LD_PRELOAD: preload, ETTIN_ADDON: addon, ETTIN_SANITIZE: kind },
  });
}
