import { openCpu, Tensor } from "@ettin/core";
import { Bandwidth, bandwidthText, filled, movedText } from "./support/bandwidth.ts";
import { peer } from "./support/peer.ts";

export const name = "Layer norm and RMS norm, forward and backward, with and without the residual addition";

/**
 * What must move, in bytes, for T tokens of C channels of s bytes: a forward pass reads x and writes y, 2 T C s; a
 * backward pass reads dy and x and writes dx, 3 T C s. With the residual: x, residual, sum and y, then dy, dsum, sum and
 * dx, 4 T C s each. Statistics and weights are left out: they are C or T numbers.
 */
const ARRAYS = { norm: [2, 3], residual: [4, 4] } as const;

export async function run({ quick }: { quick: boolean }): Promise<void> {
  const device = openCpu();
  const threads = Number(/(\d+) thread/.exec(device.name)![1]);
  const { backend } = device;
  const copies = new Bandwidth(device);
  console.log(`  ${device.name}: ${await bandwidthText(copies)}`);

  const shapes = quick
    ? [[8192, 768]]
    : [
        [16384, 256],
        [8192, 768],
        [4096, 1792],
      ];
  const theirs = peer("norms.py", "norm", "--threads", `${threads}`, "--shapes", ...shapes.map((s) => s.join("x")));
  console.log(`  ${"".padEnd(32)}${"forward".padEnd(22)}${"backward".padEnd(22)}both${theirs ? ", PyTorch both" : ""}`);
  for (const dtype of ["float32", "bfloat16"] as const) {
    for (const [T, C] of shapes as [number, number][]) {
      const bytes = T * C * (dtype === "float32" ? 4 : 2);
      const [x, r, dy, dsum] = [0, 1, 2, 3].map(() => filled(device, [T, C], dtype)) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const [y, s, dx] = [0, 1, 2].map(() => Tensor.empty([T, C], x)) as [Tensor, Tensor, Tensor];
      const [w, b, dw, db] = [0, 1, 2, 3].map(() => filled(device, [C])) as [Tensor, Tensor, Tensor, Tensor];
      const [mean, rstd] = [0, 1].map(() => Tensor.empty([T], w)) as [Tensor, Tensor];
      const kinds = {
        layerNorm: [
          () => backend.layerNormForward(y, null, mean, rstd, x, null, w, b, 1e-5),
          () => backend.layerNormBackward(dx, dw, db, dy, null, x, mean, rstd, w, true),
          ARRAYS.norm,
        ],
        addLayerNorm: [
          () => backend.layerNormForward(y, s, mean, rstd, x, r, w, b, 1e-5),
          () => backend.layerNormBackward(dx, dw, db, dy, dsum, s, mean, rstd, w, true),
          ARRAYS.residual,
        ],
        rmsNorm: [
          () => backend.rmsNormForward(y, null, rstd, x, null, w, 1e-6),
          () => backend.rmsNormBackward(dx, dw, dy, null, x, rstd, w, true),
          ARRAYS.norm,
        ],
      } as const;
      for (const [kind, [forward, backward, [out, back]]] of Object.entries(kinds)) {
        forward(); // the backward pass needs statistics
        const cells = [
          await copies.shareOf(out * bytes, forward),
          await copies.shareOf(back * bytes, backward),
          await copies.shareOf((out + back) * bytes, () => {
            forward();
            backward();
          }),
        ];
        const ms = theirs?.[`${dtype} ${kind} ${T}x${C}`];
        const beside = ms === undefined ? "" : `  (${(((out + back) * bytes) / ms / 1e6).toFixed(1)} GB/s)`;
        const label = `${kind} ${dtype} ${T} × ${C}`;
        console.log(`  ${label.padEnd(32)}${cells.map((cell) => movedText(cell).padEnd(22)).join("")}${beside}`);
      }
      for (const tensor of [x, r, dy, dsum, y, s, dx, w, b, dw, db, mean, rstd]) tensor.dispose();
    }
  }
  copies.dispose();
  backend.close();
}
