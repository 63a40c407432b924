/** The ops that are also methods of `Tensor`: tensor.ts and these files import each other, and call only later. */
export { add } from "./add.ts";
export { neg } from "./affine.ts";
export { cast } from "./cast.ts";
export { contiguous } from "./contiguous.ts";
export { div } from "./div.ts";
export { expand } from "./expand.ts";
export { matmul } from "./matmul.ts";
export { mean } from "./mean.ts";
export { mul } from "./mul.ts";
export { reshape } from "./reshape.ts";
export { slice } from "./slice.ts";
export { sub } from "./sub.ts";
export { sum } from "./sum.ts";
export { transpose } from "./transpose.ts";
