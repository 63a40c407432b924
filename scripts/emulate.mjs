// npm run test:emulated [lanes] [avx512] [-- filter…]: the ops at instruction-set levels that this machine may lack, on an
// addon of its own. Both kinds without an argument.
//
//   lanes    16 lanes in plain C++: the shapes of AVX-512's loops, blocks and tails on any machine
//   avx512   the code for AVX-512 itself, without and with BF16, on SIMDe's emulation of its instructions; needs a
//            processor with AVX2 and SIMDe's headers (Debian, Ubuntu: libsimde-dev), and is left out where they are missing
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildAddonBeside } from "./addon-beside.mjs";
import { main, prepare, ROOT, run, timed } from "./prepare.mjs";

const KINDS = { lanes: ["emulated"], avx512: ["emulated_avx512", "emulated_avx512_bf16"] };
const FILTERS = ["test/core/ops", "test/native/elementary"];

await main(async () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  const asked = Object.keys(KINDS).filter((kind) => positionals.includes(kind));
  const filters = positionals.filter((word) => !(word in KINDS));
  await prepare();

  let worst = 0;
  for (const kind of asked.length > 0 ? asked : Object.keys(KINDS)) {
    const missing = kind === "avx512" ? noAvx512Emulation() : null;
    if (missing !== null) {
      console.log(`avx512 is left out: ${missing}`);
      if (asked.length > 0) worst = 1;
    } else worst = Math.max(worst, await test(kind, filters.length > 0 ? filters : FILTERS));
  }
  return worst;
});

async function test(kind, filters) {
  const variables = { ETTIN_EMULATED: kind, ETTIN_WITHOUT_AVX512: "1" };
  const ETTIN_ADDON = await timed(`building the addon with ${KINDS[kind].join(", ")}`, () =>
    buildAddonBeside("test:emulated", `emulated-${kind}`, variables),
  );
  const env = {
    ...process.env,
    ETTIN_ADDON,
    ETTIN_TEST_LEVELS: KINDS[kind].join(","),
    ETTIN_CPU_LEVEL: KINDS[kind].at(-1), // of tests that name no level
  };
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  return run(process.execPath, [vitest, "run", "--project", "cpu", "--testTimeout=600000", ...filters], { env });
}

/** Why AVX-512 cannot be emulated here; null where it can. */
function noAvx512Emulation() {
  if (process.platform !== "linux" || process.arch !== "x64") return "it needs Linux on x64";
  if (!/\bavx2\b/.test(readFileSync("/proc/cpuinfo", "utf8"))) return "this processor has no AVX2";
  if (existsSync("/usr/include/simde/x86/avx512.h")) return null;
  return "SIMDe's headers are not installed. Run: apt-get install -y libsimde-dev";
}
