import { Tensor, tensorScope } from "@ettin/core";
import { expectTypeOf, test } from "vitest";

// The compiler is what runs this file: types.test.ts.

test("a dtype that is not there does not compile", () => {
  // @ts-expect-error float16 is not a dtype
  Tensor.from([1], { dtype: "float16" });
});

test("only data() and item() wait", () => {
  const x = Tensor.from([1]);
  expectTypeOf(x.item()).toEqualTypeOf<Promise<number>>();
  expectTypeOf(x.data()).resolves.toExtend<ArrayLike<number>>();
});

test("a scope gives what its function gives", () => {
  expectTypeOf(tensorScope(() => Tensor.from([1]))).toEqualTypeOf<Tensor>();
});
