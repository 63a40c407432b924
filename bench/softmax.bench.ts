import { openCpu, Tensor } from "@ettin/core";
import { Bandwidth, bandwidthText, filled, movedText } from "./support/bandwidth.ts";
import { peer } from "./support/peer.ts";

export const name = "Softmax and log-softmax over the last axis, forward and backward";

/** What must move, in bytes, for N scores of s bytes: x in and y out, 2 N s; dy and y in and dx out, 3 N s. */
const [OUT, BACK] = [2, 3];

export async function run({ quick }: { quick: boolean }): Promise<void> {
  const device = openCpu();
  const threads = Number(/(\d+) thread/.exec(device.name)![1]);
  const { backend } = device;
  const copies = new Bandwidth(device);
  console.log(`  ${device.name}: ${await bandwidthText(copies)}`);

  const shapes = quick
    ? [[8192, 1024]]
    : [
        [65536, 128],
        [8192, 1024],
        [256, 50368],
      ];
  const theirs = peer("norms.py", "softmax", "--threads", `${threads}`, "--shapes", ...shapes.map((s) => s.join("x")));
  console.log(`  ${"".padEnd(36)}${"forward".padEnd(22)}${"backward".padEnd(22)}both${theirs ? ", PyTorch both" : ""}`);
  for (const dtype of ["float32", "bfloat16"] as const) {
    for (const [N, C] of shapes as [number, number][]) {
      const bytes = N * C * (dtype === "float32" ? 4 : 2);
      const [x, dy] = [0, 1].map(() => filled(device, [N, C], dtype)) as [Tensor, Tensor];
      const [y, dx] = [0, 1].map(() => Tensor.empty([N, C], x)) as [Tensor, Tensor];
      const kinds = {
        softmax: [() => backend.softmaxForward(y, x, 1), () => backend.softmaxBackward(dx, dy, y, 1)],
        logSoftmax: [() => backend.logSoftmaxForward(y, x, 1), () => backend.logSoftmaxBackward(dx, dy, y, 1)],
      } as const;
      for (const [kind, [forward, backward]] of Object.entries(kinds)) {
        forward();
        const cells = [
          await copies.shareOf(OUT * bytes, forward),
          await copies.shareOf(BACK * bytes, backward),
          await copies.shareOf((OUT + BACK) * bytes, () => {
            forward();
            backward();
          }),
        ];
        const ms = theirs?.[`${dtype} ${kind} ${N}x${C}`];
        const beside = ms === undefined ? "" : `  (${(((OUT + BACK) * bytes) / ms / 1e6).toFixed(1)} GB/s)`;
        const label = `${kind} ${dtype} ${N} × ${C}`;
        console.log(`  ${label.padEnd(36)}${cells.map((cell) => movedText(cell).padEnd(22)).join("")}${beside}`);
      }
      for (const tensor of [x, dy, y, dx]) tensor.dispose();
    }
  }
  copies.dispose();
  backend.close();
}
