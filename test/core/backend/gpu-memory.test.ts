import { EngineError, synchronize, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { openGpu } from "../../support/devices.ts";

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
});
