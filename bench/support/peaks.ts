import { openCpu } from "@ettin/core";
import { Peak } from "./peak.ts";

export const name = "Multiply-add peaks, which benchmarks compare with";

/** Prints, per dtype, what the machine multiplies and adds on 1 thread and on 2. */
export async function run(): Promise<void> {
  const device = openCpu({ threads: 2 });
  console.log(`  ${device.name}`);
  const { bfloat16Products } = device.backend.capabilities;
  for (const dtype of ["float32", "bfloat16"] as const) {
    const rates = [];
    for (const threads of [1, 2]) rates.push(await new Peak(device, threads, dtype === "bfloat16").settled());
    const [one, two] = rates.map((rate) => (rate / 1e9).toFixed(0));
    const how =
      dtype === "bfloat16" && !bfloat16Products ? ", in float32: no instruction multiplies bfloat16 here" : "";
    console.log(`  ${dtype.padEnd(8)}  ${one} GFLOP/s on 1 thread, ${two} on 2${how}`);
  }
  device.backend.close();
}
