import { EngineError, synchronize, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { runChild } from "../../support/child.ts";
import { openGpu } from "../../support/devices.ts";
import { read } from "../../support/read.ts";

describe("memory of a GPU", () => {
  test("belongs to one tensor at a time, however sizes come and go", async () => {
    const on = openGpu();
    const alive: { tensor: Tensor; size: number; id: number }[] = [];
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    for (let id = 1; id <= 1500; id++) {
      const size = 1 + random(id % 10 === 0 ? 300_000 : 3_000);
      const tensor = Tensor.from(new Float32Array(size).fill(id), { device: on });
      alive.push({ tensor, size, id });
      if (alive.length > 60) alive.splice(random(alive.length), 1)[0]!.tensor.dispose();
    }
    for (const { tensor, size, id } of alive) {
      const values = await tensor.data();
      expect(values.length).toBe(size);
      expect(values.every((value) => value === id)).toBe(true);
    }
    const { current, peak, reserved } = on.backend.memoryStats();
    expect(current).toBeGreaterThan(4 * alive.reduce((sum, { size }) => sum + size, 0) - 1);
    expect(reserved).toBeLessThan(1.5 * peak + 8e6); // unused buffers of other sizes go back
    for (const { tensor } of alive) tensor.dispose();
    await synchronize(on);
    expect(on.backend.memoryStats().current).toBe(0);
    on.backend.close();
  });

  test("is copied in pieces, in order, when a tensor is larger than one", async () => {
    const on = openGpu();
    const values = Float32Array.from({ length: 5_000_003 }, (_, i) => i); // 20 MB; a piece has 4 MiB
    const tensor = Tensor.from(values, { device: on });
    const read = tensor.data();
    tensor.dispose(); // the copy was queued before
    const got = await read;
    expect(Buffer.from(got.buffer).equals(Buffer.from(values.buffer))).toBe(true);
    on.backend.close();
  });

  test("that is not there is an error with what is in use and what to lower", () => {
    process.env.ETTIN_MEMORY_LIMIT = "1M";
    const on = openGpu();
    delete process.env.ETTIN_MEMORY_LIMIT;
    const x = Tensor.from(new Float32Array(200_000), { device: on }); // 0.8 MB, 0.85 as a size class
    const more = () => Tensor.from(new Float32Array(100_000), { device: on });
    expect(more).toThrow(EngineError);
    expect(more).toThrow(
      /^\[memory\] 0\.4 MB asked for on cuda:0 .*, 0\.9 MB in use, limit 1 MB\. Lower the batch size/,
    );
    expect(() => on.backend.wrap(new Uint8Array(400_000))).toThrow(/^\[memory\] 0\.4 MB asked for on cuda:0/);
    x.dispose();
    const again = more();
    again.dispose();
    on.backend.close();
  });

  test("working memory is cut from what the GPU has given already", async () => {
    const lookUp = `const { openNativeCuda } = await import("./packages/core/src/backend/cuda.ts");
      const backend = openNativeCuda(0);
      const device = { name: backend.name, backend };
      const gradient = core.Tensor.from([[0, 0], [0, 0]], { device });
      const dy = core.Tensor.from([[1, 2], [3, 4], [5, 6]], { device });
      backend.embeddingBackward(gradient, dy, core.Tensor.from(Int32Array.of(1, 0, 1), { device }), true);
      console.log(JSON.stringify([...(await gradient.data())]));
      const { scratch, scratchPeak } = backend.memoryStats();
      console.log(scratch > 0 && scratch === scratchPeak && scratch % 256 === 0);
      backend.close();`;
    // 1: the context's own; 2: a segment, for the tensors and the rows' order; a third would fail
    const { stdout, stderr } = await runChild(lookUp, { env: { ETTIN_EMULATION_FAIL: "memory 3" } });
    expect(stderr).toBe("");
    expect(stdout).toBe("[3,4,6,8]\ntrue\n");
  });

  test("working memory beyond the limit is the failure of the kernel that asked", async () => {
    process.env.ETTIN_MEMORY_LIMIT = "1M";
    const on = openGpu();
    delete process.env.ETTIN_MEMORY_LIMIT;
    const product = read(() => {
      const row = Tensor.from(new Float32Array(2000), { device: on });
      const y = Tensor.empty([1000, 1], row);
      on.backend.matmul(y, row.viewAs([1000, 1000], [0, 2]), row.viewAs([1000, 1], [1, 1])); // a copy of 4 MB
      return y;
    });
    await expect(product).rejects.toThrow(
      /^\[matmul\] working memory: 4\.0 MB asked for, .* limit 1\.0 MB\. Lower .*gradient checkpointing\./,
    );
    on.backend.close();
  });
});
