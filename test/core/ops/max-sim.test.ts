import { type Device, maxSim, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

interface Layout {
  readonly queries: number[];
  readonly documents: number[];
  readonly pairs?: [number, number][];
}

const LAYOUTS: Readonly<Record<string, Layout>> = {
  "one token each": { queries: [0, 1], documents: [0, 1] },
  "empty query and document": { queries: [0, 2, 2, 5], documents: [0, 0, 31, 32, 65] },
  "no documents": { queries: [0, 3], documents: [0] },
  "more tokens than one block": { queries: [0, 33, 36], documents: [0, 70, 210] },
  "a long document and long vectors": { queries: [0, 3], documents: [0, 400, 410] },
  "longer vectors": { queries: [0, 2, 5], documents: [0, 5, 9] },
  pairs: {
    queries: [0, 5, 5, 8],
    documents: [0, 33, 33, 40],
    pairs: [
      [0, 0],
      [2, 0],
      [0, 2],
      [2, 1],
      [1, 2],
      [0, 0],
    ],
  },
};

const starts = (values: number[], on: Device) => Tensor.from(Int32Array.from(values), { device: on });
const pairTensor = (layout: Layout, on: Device) =>
  layout.pairs
    ? Tensor.from(Int32Array.from(layout.pairs.flat()), { shape: [layout.pairs.length, 2], device: on })
    : null;

function reference([q, d]: readonly Array64[], { queries, documents, pairs }: Layout): Array64 {
  const dim = q!.shape[1]!;
  const [count, columns] = [queries.length - 1, documents.length - 1];
  const score = (query: number, document: number): number => {
    let sum = 0;
    for (let i = queries[query]!; i < queries[query + 1]!; i++) {
      let best = -Infinity;
      for (let r = documents[document]!; r < documents[document + 1]!; r++) {
        let dot = 0;
        for (let c = 0; c < dim; c++) dot += q!.data[i * dim + c]! * d!.data[r * dim + c]!;
        best = Math.max(best, dot);
      }
      if (best > -Infinity) sum += best;
    }
    return sum;
  };
  if (pairs) return array64([pairs.length], (p) => score(...pairs[p]!));
  return array64([count, columns], (i) => score(Math.floor(i / columns), i % columns));
}

const DIMS: Readonly<Record<string, number>> = {
  "one token each": 1,
  "more tokens than one block": 16,
  pairs: 33,
  "a long document and long vectors": 160,
  "longer vectors": 301,
};

checkOp("maxSim", {
  op: ([q, d], on, name) => {
    const layout = LAYOUTS[name]!;
    return maxSim(q!, d!, starts(layout.queries, on), starts(layout.documents, on), { pairs: pairTensor(layout, on) });
  },
  reference: (inputs, name) => reference(inputs, LAYOUTS[name]!),
  cases: Object.entries(LAYOUTS).map(([name, { queries, documents }]) => ({
    name,
    inputs: [normal([queries.at(-1)!, DIMS[name] ?? 31], 7), normal([documents.at(-1)!, DIMS[name] ?? 31], 8)],
  })),
});

describe.each(levels)("maxSim on %s", (level) => {
  const on = device(level);

  test("scores the tokens of a document as they are, also below zero", async () => {
    // token 1: max(0.6, 0.8) = 0.8; token 2: max(−0.8, −0.6) = −0.6
    const q = Tensor.from(
      [
        [1, 0],
        [0, -1],
      ],
      { device: on },
    );
    const d = Tensor.from(
      [
        [0.6, 0.8],
        [0.8, 0.6],
      ],
      { device: on },
    );
    const scores = await maxSim(q, d, starts([0, 2], on), starts([0, 2], on)).data();
    expect(scores[0]).toBeCloseTo(0.2, 6);
  });

  test("a pair has the same bits alone and among all pairs", async () => {
    const [q, d] = [normal([37, 20], 1), normal([90, 20], 2)].map((x) =>
      Tensor.from(Float32Array.from(x.data), { shape: x.shape, device: on }),
    );
    const [queries, documents] = [
      [0, 4, 37],
      [0, 25, 90],
    ];
    const reads = tensorScope(() => [
      maxSim(q!, d!, starts(queries!, on), starts(documents!, on)).data(),
      maxSim(
        q!.viewAs([33, 20], [20, 1], 80),
        d!.viewAs([65, 20], [20, 1], 500),
        starts([0, 33], on),
        starts([0, 65], on),
      ).data(),
    ]);
    const [all, alone] = await Promise.all(reads);
    expect(alone![0]).toBe(all![3]);
  });

  test.each([3, 70])("of %d equal document tokens the first gets the gradient", async (tokens) => {
    const q = Tensor.from([[1, 2]], { device: on });
    const d = Tensor.full([tokens, 2], 1, { device: on, requiresGrad: true });
    maxSim(q, d, starts([0, 1], on), starts([0, tokens], on)).backward({
      gradient: Tensor.ones([1, 1], { device: on }),
    });
    expect([...(await d.grad!.data())]).toEqual([1, 2, ...new Array(2 * tokens - 2).fill(0)]);
  });

  test("a pair that does not exist is named", async () => {
    const [scores] = tensorScope(() => {
      const [q, d] = [Tensor.zeros([2, 4], { device: on }), Tensor.zeros([3, 4], { device: on })];
      const pairs = Tensor.from(Int32Array.from([0, 0, 0, 2]), { shape: [2, 2], device: on });
      return [maxSim(q, d, starts([0, 2], on), starts([0, 1, 3], on), { pairs }).data()];
    });
    await expect(scores).rejects.toThrow("pair 1 is (0, 2), but there are 1 queries and 2 documents");
  });
});

test("documents of another width are named in the error", () => {
  const offsets = Tensor.from(Int32Array.of(0, 2));
  expect(() => maxSim(Tensor.zeros([2, 4]), Tensor.zeros([2, 3]), offsets, offsets)).toThrow(
    "[maxSim] documents has shape [2, 3], but [document tokens, 4] is needed",
  );
});
