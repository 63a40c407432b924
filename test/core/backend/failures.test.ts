import { defaultDevice, KernelError, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { opOf } from "../../../packages/core/src/backend/native-backend.ts";
import { read } from "../../support/read.ts";

const { backend } = defaultDevice();

/** Looks up row 7 of a table of 3 rows: the kernel fails. Handles belong to the scope around. */
function failingLookup(): Tensor {
  const table = Tensor.from([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  const y = Tensor.empty([2, 2], table);
  backend.embeddingForward(y, table, Tensor.from(Int32Array.of(0, 7)));
  return y;
}

const failure = (pending: Promise<unknown>): Promise<KernelError> =>
  pending.then(
    () => expect.fail("the read did not reject"),
    (error) => error,
  );

describe("a kernel that fails", () => {
  test("rejects the read with the op, what is wrong, and the arguments' shapes", async () => {
    const error = await failure(read(() => failingLookup()));
    expect(error).toBeInstanceOf(KernelError);
    expect(error.where).toBe("embedding");
    expect(error.message).toMatch(/^\[embedding\] id 7 at place 1 /);
    expect(error.message).toContain("(arguments: [2,2] float32, [3,2] float32, [2] int32)");
  });

  test("passes its failure on to all that depends on it, and to nothing else", async () => {
    const reads = tensorScope(() => {
      const bad = failingLookup();
      const good = Tensor.from([
        [1, 2],
        [3, 4],
      ]);
      const once = Tensor.empty([2, 2], good);
      backend.mul(once, good, bad);
      const twice = Tensor.empty([2, 2], good);
      backend.add(twice, once, once);
      const apart = Tensor.empty([2, 2], good);
      backend.add(apart, good, good);
      return { twice: twice.data(), good: good.data(), apart: apart.data() };
    });
    expect((await failure(reads.twice)).message).toMatch(/^\[embedding\] id 7/);
    expect([...(await reads.good)]).toEqual([1, 2, 3, 4]);
    expect([...(await reads.apart)]).toEqual([2, 4, 6, 8]);
  });

  test("of two failures the first is told", async () => {
    const second = read(() => {
      const first = failingLookup();
      const rows = Tensor.from(Int32Array.of(9));
      const gathered = Tensor.empty([1, 2], first);
      backend.gather(gathered, first, rows); // row 9 of 2 would fail too
      return gathered;
    });
    expect((await failure(second)).where).toBe("embedding");
  });

  test("does not stay behind in memory that is used again", async () => {
    const reads = tensorScope(() => {
      const bad = read(() => failingLookup());
      // The failed buffer went back to the pool: these take it.
      const fresh = Array.from({ length: 8 }, (_, i) => Tensor.full([2, 2], i).data());
      return { bad, fresh };
    });
    await failure(reads.bad);
    for (const [i, got] of (await Promise.all(reads.fresh)).entries()) expect([...got]).toEqual([i, i, i, i]);
  });

  test("is healed where its output is written whole again", async () => {
    const y = tensorScope(() => failingLookup());
    await failure(y.data());
    backend.fill(y, 3);
    expect([...(await y.data())]).toEqual([3, 3, 3, 3]);
    y.dispose();

    const again = tensorScope(() => failingLookup());
    await failure(again.data());
    backend.upload(again.storage.id, 0, Float32Array.of(1, 2, 3, 4));
    expect([...(await again.data())]).toEqual([1, 2, 3, 4]);
    again.dispose();
  });

  test("marks what it was changing in place", async () => {
    const gradient = Tensor.zeros([3, 2]);
    tensorScope(() => {
      backend.embeddingBackward(gradient, Tensor.ones([1, 2]), Tensor.from(Int32Array.of(5)), true);
    });
    expect((await failure(gradient.data())).where).toBe("embedding");
    gradient.dispose();
  });

  test("leaves the stream and the compute threads as they were", async () => {
    const rows = 4096;
    const ids = Int32Array.from({ length: rows }, (_, i) => (i === 3000 ? 100 : i % 50));
    for (let round = 0; round < 20; round++) {
      const reads = tensorScope(() => {
        const table = Tensor.ones([50, 64]);
        const y = Tensor.empty([rows, 64], table);
        backend.embeddingForward(y, table, Tensor.from(ids));
        const z = Tensor.empty([rows, 64], table);
        backend.embeddingForward(z, table, Tensor.from(ids.map((id) => id % 50)));
        return { y: y.data(), z: z.data() };
      });
      expect((await failure(reads.y)).message).toContain("id 100 at place 3000");
      expect((await reads.z).every((value) => value === 1)).toBe(true);
    }
  });
});

test("a failure is told under the name of the op, also where a kernel of its gradient failed", async () => {
  const reads = tensorScope(() => {
    const scores = Tensor.ones([1, 3]);
    const [loss, lse] = [Tensor.empty([1], scores), Tensor.empty([1, 2], scores)];
    backend.crossEntropyForward(loss, lse, scores, Tensor.from(Int32Array.of(5)), 0);
    const missing = Tensor.empty([1, 3], scores);
    backend.gather(missing, scores, Tensor.from(Int32Array.of(4)));
    return [loss.data(), missing.data()];
  });
  expect((await failure(reads[0]!)).message).toMatch(/^\[crossEntropy\] target 5 /);
  expect((await failure(reads[1]!)).message).toMatch(/^\[gather\] row 4 /);
  expect(["linearBackwardWeight", "linearCrossEntropyGradients", "exactTopK", "adamwStep", "sum"].map(opOf)).toEqual([
    "linear",
    "linearCrossEntropy",
    "exactSearch",
    "AdamW",
    "sum",
  ]);
});

test("two callers that interleave see only their own errors", async () => {
  const careful = async (value: number): Promise<number> => {
    const x = Tensor.full([4], value);
    await x.data();
    const y = tensorScope(() => {
      const sum = Tensor.empty([4], x);
      backend.add(sum, x, x);
      return sum;
    });
    const [first] = await y.data();
    x.dispose();
    y.dispose();
    return first!;
  };
  const careless = async (): Promise<unknown> => {
    const y = tensorScope(() => failingLookup());
    await Promise.resolve();
    const pending = y.data();
    y.dispose();
    return pending;
  };
  const results = await Promise.allSettled([careful(1), careless(), careful(2), careless(), careful(3)]);
  expect(results.map((result) => (result.status === "fulfilled" ? result.value : result.reason.where))).toEqual([
    2,
    "embedding",
    4,
    "embedding",
    6,
  ]);
});
