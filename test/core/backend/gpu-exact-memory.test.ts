import { describe, expect, test, vi } from "vitest";
import { runChild } from "../../support/child.ts";
import { isEmulated } from "../../support/devices.ts";

vi.setConfig({ testTimeout: 180_000 }); // processes of their own, on a machine that may be busy

const PRELUDE = `
  const { openNativeCuda } = await import("./packages/core/src/backend/cuda.ts");
  const { synchronize, Tensor } = core;
  const open = () => {
    const backend = openNativeCuda(0);
    return { name: backend.name, backend };
  };
  const why = (pending) => pending.then(() => "nothing", (error) => error.message);
`;
const run = (text: string, env: NodeJS.ProcessEnv) => runChild(PRELUDE + text, { env });

describe("ETTIN_GPU_MEMORY=exact", () => {
  test("gives every tensor its own bytes, and gives them back at once", async () => {
    const { code, stdout, stderr } = await run(
      `const device = open();
      const stats = () => {
        const { current, reserved, scratch } = device.backend.memoryStats();
        console.log(current, reserved, scratch);
      };
      const x = Tensor.from(new Float32Array(1001), { device });
      const gradient = Tensor.from([[0, 0], [0, 0]], { device });
      const dy = Tensor.from([[1, 2]], { device });
      const ids = Tensor.from(Int32Array.of(1), { device });
      device.backend.embeddingBackward(gradient, dy, ids, true); // takes working memory
      console.log(JSON.stringify([...(await gradient.data())]));
      stats();
      for (const tensor of [x, dy, ids]) tensor.dispose();
      await synchronize(device);
      stats();
      device.backend.close();`,
      { ETTIN_GPU_MEMORY: "exact" },
    );
    expect(stderr).toBe("");
    expect(stdout).toBe(`[0,0,1,2]\n${4004 + 16 + 8 + 4} ${4004 + 16 + 8 + 4} 0\n16 16 0\n`);
    expect(code).toBe(0);
  });

  test.skipIf(!isEmulated())("shows a kernel that writes past its tensor's end, on the emulated GPU", async () => {
    const text = (...sizes: number[]) => `const device = open();
      for (const size of [${sizes}]) {
        const y = Tensor.from(Float32Array.of(1, 2, 3), { device });
        const longer = { storage: y.storage, dtype: "float32", offset: 0, shape: [size], strides: [1] };
        device.backend.fill(longer, 7);
        console.log(await why(y.data()));
      }
      device.backend.close();`;
    const exact = { ETTIN_GPU_MEMORY: "exact" };
    expect((await run(text(3, 4, 3), exact)).stdout).toMatch(
      /^nothing\n\[fill\] \[emulation\] byte 12 of a buffer of 12 was written .*\nnothing\n$/,
    );
    expect((await run(text(5), exact)).code).not.toBe(0); // on a page that nobody may touch
  });

  test("another word is an error that names it", async () => {
    const { stdout } = await run(`try { open(); } catch (error) { console.log(error.name, error.message); }`, {
      ETTIN_GPU_MEMORY: "exactly",
    });
    expect(stdout).toBe(
      'EngineError [device] ETTIN_GPU_MEMORY is "exactly". Set it to "exact", or unset it. Or use device: "cpu".\n',
    );
  });
});
