import { embedding, sum, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { array64, generator, normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

// tokens, vocabulary, channels
const sizes: [number, number, number][] = [
  [1, 1, 1],
  [31, 7, 33],
  [32, 200, 32],
  [300, 5, 31],
  [90, 40, 300],
  [2500, 600, 8],
  [1100, 70_000, 1],
  [0, 3, 4],
];
const sizeOf = (name: string) => JSON.parse(name) as [number, number, number];
const int32 = (values: number[], on: Tensor["device"]) =>
  Tensor.from(Int32Array.from(values), { device: on, shape: [values.length] });

/** Real text repeats a few words: half of the ids are one. */
function idsOf(name: string): number[] {
  const [T, V] = sizeOf(name);
  const next = generator(T + V);
  return Array.from({ length: T }, (_, t) => (t % 2 ? Math.floor(next() * V) : V >> 1));
}

checkOp("embedding", {
  op: ([w], on, name) => embedding(w!, int32(idsOf(name), on)),
  reference([w], name) {
    const [T, , C] = sizeOf(name);
    const ids = idsOf(name);
    return array64([T, C], (i) => w!.data[ids[Math.floor(i / C)]! * C + (i % C)]!);
  },
  cases: sizes.map(([T, V, C]) => ({ name: JSON.stringify([T, V, C]), inputs: [normal([V, C], 22)] })),
});

describe.each(levels)("embedding on %s", (level) => {
  const on = device(level);

  test("a float32 table can give bfloat16 rows, and its gradient is float32", async () => {
    const w = Tensor.from(
      [
        [1.00390625, 2],
        [3, 4],
      ],
      { device: on, requiresGrad: true },
    );
    const y = embedding(w, int32([0, 1, 0], on), { dtype: "bfloat16" });
    expect([...(await y.data())]).toEqual([1, 2, 3, 4, 1, 2]); // 1 + 2⁻⁸ is halfway and goes to the even 1
    sum(y).backward();
    expect(w.grad!.dtype).toBe("float32");
    expect([...(await w.grad!.data())]).toEqual([2, 2, 1, 1]); // id 0 occurs twice
    w.dispose();
  });

  test("gradients of several passes add up in place", async () => {
    const w = Tensor.zeros([4, 3], { device: on, requiresGrad: true });
    sum(embedding(w, int32([1, 3, 1], on))).backward();
    const { grad } = w;
    sum(embedding(w, int32([0, 1], on))).backward();
    expect(w.grad).toBe(grad);
    expect([...(await w.grad!.data())]).toEqual([1, 1, 1, 3, 3, 3, 0, 0, 0, 1, 1, 1]);
    w.dispose();
  });

  test("an id outside the vocabulary is named with its place", async () => {
    const failures = tensorScope(() => {
      const w = Tensor.zeros([50_368, 1], { device: on });
      return [embedding(w, int32([5, 50_367, 70_000], on)).data(), embedding(w, int32([-100], on)).data()];
    });
    const messages = (await Promise.allSettled(failures)).map((f) => f.status === "rejected" && f.reason.message);
    expect(messages).toEqual([
      expect.stringContaining(
        "id 70000 at place 2 is outside the vocabulary of 50368. Use the tokenizer of this model, or resize its",
      ),
      expect.stringContaining("id -100 at place 0"),
    ]);
  });

  test("ids of any shape give rows of that shape", () => {
    const w = Tensor.zeros([5, 3], { device: on });
    expect(embedding(w, int32([0, 1, 2, 3], on).viewAs([2, 2])).shape).toEqual([2, 2, 3]);
  });
});
