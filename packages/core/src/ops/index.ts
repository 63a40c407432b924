export { type LinearCrossEntropyOptions, linearCrossEntropy } from "./linear-cross-entropy.ts";
export { type MaxSimOptions, maxSim } from "./max-sim.ts";
export { type SpladePoolOptions, spladePool } from "./splade-pool.ts";
