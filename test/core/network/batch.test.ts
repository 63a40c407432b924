import { noGrad, type Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { device, levels } from "../../support/devices.ts";
import { network, tokens } from "./network.ts";

const texts = [1, 5, 31, 32, 33, 90, 64, 2, 130].map(tokens);

describe.each(levels)("a text's embedding on %s", (level) => {
  const read = (t: Tensor) => t.data() as Promise<Float32Array>;

  test.each([
    ["global attention", {}],
    ["windowed attention", { window: [8, 8] as [number, number] }],
    ["causal attention", { causal: true }],
  ])("has the same bits alone and in any batch, with %s", async (_, options) => {
    const net = network(device(level), options);
    const embed = (batch: readonly number[][]) => noGrad(() => tensorScope(() => net.embed(batch)));
    const all = await read(embed(texts));
    const reversed = await read(embed([...texts].reverse()));
    const dim = all.length / texts.length;
    for (const [i, text] of texts.entries()) {
      const alone = await read(embed([text]));
      expect(all.subarray(i * dim, (i + 1) * dim), `text ${i} in the batch`).toEqual(alone);
      const place = texts.length - 1 - i;
      expect(reversed.subarray(place * dim, (place + 1) * dim), `text ${i} in the reversed batch`).toEqual(alone);
    }
    net.dispose();
  });
});
