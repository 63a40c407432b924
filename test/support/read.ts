import { type Tensor, type TypedArray, tensorScope } from "@ettin/core";

/** Runs a function in a scope of its own and reads what it returns. */
export function read(run: () => Tensor): Promise<TypedArray> {
  const [values] = tensorScope(() => [run().data()]);
  return values!;
}
