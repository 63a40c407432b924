// node cuda-probe.js <library>: opens a library of CUDA kernels and prints what is there as JSON, { "report" } or
// { "error" }. A process of its own, because a driver that does not fit its GPU, or a library that does not fit the
// driver, may crash or hang where it is first called.
import { writeSync } from "node:fs";
import { loadAddon } from "./index.js";

let answer;
try {
  answer = { report: loadAddon().probeCuda(process.argv[2]) };
} catch (error) {
  answer = { error: error.message };
}
writeSync(1, `${JSON.stringify(answer)}\n`);
process.exit(0); // what the driver started need not end
