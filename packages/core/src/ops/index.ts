export { linear } from "./linear.ts";
export { type MatmulOptions, matmul } from "./matmul.ts";
