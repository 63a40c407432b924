export { constantSchedule } from "./constant.ts";
export { type CosineScheduleOptions, cosineSchedule } from "./cosine.ts";
export { type CosineInverseSqrtScheduleOptions, cosineInverseSqrtSchedule } from "./cosine-inverse-sqrt.ts";
export { type CosineWithRestartsScheduleOptions, cosineWithRestartsSchedule } from "./cosine-with-restarts.ts";
export { type InverseSqrtScheduleOptions, inverseSqrtSchedule } from "./inverse-sqrt.ts";
export { linearSchedule } from "./linear.ts";
export { type PolynomialScheduleOptions, polynomialSchedule } from "./polynomial.ts";
export type { Schedule } from "./schedule.ts";
export { type WarmupStableDecayScheduleOptions, warmupStableDecaySchedule } from "./warmup-stable-decay.ts";
