// npm run sanitize [address,undefined] [thread] [-- --quick] [-- filter…]: the native code under GCC's sanitizers, built
// beside the ordinary build. Both kinds without an argument. Linux with g++ only.
//
//   address,undefined   the tests of native and core on an addon built with them, 8 workers terminated in the middle of a
//                       product 100 times among them; then the stress program, which also looks for leaks
//   thread              the stress program (native/test/stress.cpp): Node is not instrumented, so what its own threads do
//                       to each other cannot be judged, and the runtime is driven without it
//
// --quick, for every change: the tests of the runtime and the tape without those of the single ops, and fewer rounds.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildAddonBeside, NATIVE } from "./addon-beside.mjs";
import { main, prepare, ROOT, run, runQuietly, timed } from "./prepare.mjs";

const KINDS = ["address,undefined", "thread"];
const FULL = { filters: ["test/native", "test/core"], workerRounds: 100, stress: 5 };
const QUICK = { filters: ["test/native", "test/core/backend", "test/core/tensor"], workerRounds: 10, stress: 1 };

const OPTIONS = {
  // Node itself leaves memory to the end of the process, so a leak report would be about Node.
  addon: { ASAN_OPTIONS: "detect_leaks=0:abort_on_error=1", UBSAN_OPTIONS: "print_stacktrace=1" },
  stress: {
    ASAN_OPTIONS: "detect_leaks=1",
    UBSAN_OPTIONS: "print_stacktrace=1",
    TSAN_OPTIONS: "halt_on_error=1:exitcode=66",
  },
};

await main(async () => {
  if (process.platform !== "linux") throw new Error("[sanitize] needs Linux and g++. Run it in a container: node:24");
  const { values, positionals } = parseArgs({ options: { quick: { type: "boolean" } }, allowPositionals: true });
  const kinds = KINDS.filter((kind) => positionals.includes(kind));
  const filters = positionals.filter((word) => !KINDS.includes(word));
  const amount = { ...(values.quick ? QUICK : FULL), ...(filters.length > 0 && { filters }) };
  await prepare();

  const results = [];
  for (const kind of kinds.length > 0 ? kinds : KINDS) {
    if (kind !== "thread")
      results.push(await step(kind, `tests of ${amount.filters.join(", ")}`, () => tests(kind, amount)));
    if (filters.length === 0) results.push(await step(kind, "stress program", () => stress(kind, amount.stress)));
  }
  console.log(`\n${results.map(({ text }) => text).join("\n")}`);
  return Math.max(...results.map(({ code }) => code));
});

/** One line of the summary. A step that fails does not keep the next from running. */
async function step(kind, what, work) {
  const start = performance.now();
  const code = await work();
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  return { code, text: `${code === 0 ? "clean " : "FAILED"}  ${kind}: ${what} (${seconds} s, build included)` };
}

async function tests(kind, { filters, workerRounds }) {
  const variables = { ETTIN_SANITIZE: kind, ...(!hasAvx512() && { ETTIN_WITHOUT_AVX512: "1" }) };
  const addon = await timed(`building the addon with the ${kind} sanitizer`, () =>
    buildAddonBeside("sanitize", kind.replace(",", "-"), variables),
  );
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const env = {
    ...process.env,
    ...OPTIONS.addon,
    // The sanitizer wraps the C++ library's throw, so that library must be there when it starts.
    LD_PRELOAD: [runtime("libasan.so"), runtime("libstdc++.so.6")].join(" "),
    ETTIN_ADDON: addon,
    ETTIN_WORKER_ROUNDS: String(workerRounds),
  };
  return run(process.execPath, [vitest, "run", "--testTimeout=600000", ...filters], { env });
}

/** Code that this machine cannot run need not be built. */
function hasAvx512() {
  return readFileSync("/proc/cpuinfo", "utf8").includes("avx512f");
}

async function stress(kind, rounds) {
  const out = `build-stress-${kind.replace(",", "-")}`;
  const make = ["-C", NATIVE, "-f", "test/Makefile", `-j${availableParallelism()}`, `SANITIZE=${kind}`, `OUT=${out}`];
  await timed(`building the stress program with the ${kind} sanitizer`, () => runQuietly("sanitize", "make", make));
  // Without a fixed address space the thread sanitizer may find its own addresses taken.
  const env = { ...process.env, ...OPTIONS.stress };
  return run("setarch", ["-R", join(NATIVE, out, "stress"), String(rounds)], { env });
}

function runtime(library) {
  const path = spawnSync("g++", [`-print-file-name=${library}`], { encoding: "utf8" }).stdout.trim();
  if (path.startsWith("/")) return path;
  throw new Error(`[sanitize] g++ has no ${library}. Run: apt-get install -y g++`);
}
