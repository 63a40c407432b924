import { totalmem } from "node:os";
import { EngineError, memoryStats, openCpu, synchronize, Tensor, tensorScope } from "@ettin/core";
import { afterAll, describe, expect, test, vi } from "vitest";
import { runChild } from "../../support/child.ts";
import { read } from "../../support/read.ts";

describe("memoryStats", () => {
  const device = openCpu({ threads: 1 });
  afterAll(() => device.backend.close());
  const stats = () => memoryStats(device);

  test("current counts live storages in size classes of 64 bytes, at most an eighth too large", () => {
    const before = stats().current;
    const x = Tensor.empty([1], { device });
    expect(stats().current - before).toBe(64);
    const y = Tensor.empty([17], { device }); // 68 bytes
    expect(stats().current - before).toBe(64 + 128);
    const z = Tensor.empty([1000], { device }); // 4000 bytes, in steps of 256
    expect(stats().current - before).toBe(64 + 128 + 4096);
    for (const tensor of [x, y, z]) tensor.dispose();
    expect(stats().current).toBe(before);
  });

  test("a view costs nothing, and keeps its storage", () => {
    const before = stats().current;
    const x = Tensor.empty([4, 4], { device });
    const view = x.viewAs([16]);
    expect(stats().current - before).toBe(64);
    x.dispose();
    expect(stats().current - before).toBe(64);
    view.dispose();
    expect(stats().current).toBe(before);
  });

  test("peak is the most that current has been, and does not depend on when kernels run", () => {
    const run = () => {
      const on = openCpu({ threads: 1 });
      tensorScope(() => {
        const kept = Tensor.zeros([256], { device: on }); // 1024 bytes
        for (let i = 0; i < 50; i++) {
          tensorScope(() => {
            const x = Tensor.ones([1024], { device: on }); // 4096 bytes
            const y = Tensor.empty([1024], x);
            on.backend.add(y, x, x);
          });
        }
        kept.dispose();
      });
      const { current, peak } = memoryStats(on);
      on.backend.close();
      return { current, peak };
    };
    for (let i = 0; i < 5; i++) expect(run()).toEqual({ current: 0, peak: 1024 + 2 * 4096 });
  });

  test("buffers are used again: reserved does not grow from round to round", () => {
    const round = () =>
      tensorScope(() => {
        for (const size of [100, 5000, 1_000_000]) Tensor.zeros([size], { device });
      });
    round();
    const { reserved } = stats();
    for (let i = 0; i < 20; i++) round();
    expect(stats().reserved).toBe(reserved);
  });

  test("a batch that is a little smaller takes the large buffer of the one before", () => {
    Tensor.zeros([1_000_000], { device }).dispose();
    const { reserved } = stats();
    Tensor.zeros([900_000], { device }).dispose();
    expect(stats().reserved).toBe(reserved);
  });
});

describe("a pool that many sizes go through", () => {
  test("gives back what nobody asks for any more, and stays near its peak", async () => {
    const device = openCpu({ threads: 1 });
    const megabyte = 1 << 18; // elements
    // Each step has one tensor of 8 MB to 40 MB; without giving back, 17 sizes would gather: some 400 MB.
    for (let step = 0; step < 64; step++) {
      const size = 8 + ((step * 7) % 17) * 2;
      const got = await read(() => {
        const x = Tensor.full([size * megabyte], step, { device });
        const y = Tensor.empty([1], x);
        device.backend.copy(y, x.viewAs([1], [1], x.size - 1));
        return y;
      });
      expect(got[0]).toBe(step);
    }
    const { peak, reserved } = memoryStats(device);
    expect(peak).toBeLessThan(52e6);
    expect(reserved).toBeLessThan(1.25 * peak + 5e6);
    device.backend.close();
  });
});

describe("out of memory", () => {
  const withLimit = (limit: string): ReturnType<typeof openCpu> => {
    const before = process.env.ETTIN_MEMORY_LIMIT;
    process.env.ETTIN_MEMORY_LIMIT = limit;
    try {
      return openCpu({ threads: 1 });
    } finally {
      if (before === undefined) delete process.env.ETTIN_MEMORY_LIMIT;
      else process.env.ETTIN_MEMORY_LIMIT = before;
    }
  };

  test.each([
    ["1000000", 1e6],
    ["64k", 65_536],
    ["8M", 8 * 2 ** 20],
    ["1.5G", 1.5 * 2 ** 30],
  ])("ETTIN_MEMORY_LIMIT=%s is %d bytes", (text, bytes) => {
    const device = withLimit(text);
    expect(memoryStats(device).limit).toBe(bytes);
    device.backend.close();
  });

  test.each(["foo", "8GB", "-1", "0", "1e9", "G", "1.G", " 1", "0.1", "1".repeat(20)])(
    "ETTIN_MEMORY_LIMIT=%j is an error",
    (text) => {
      expect(() => withLimit(text)).toThrow(
        `[device] ETTIN_MEMORY_LIMIT is "${text}". Pass a number of bytes, or one with K, M or G behind it: "8G". ` +
          "Unset it for all of the memory.",
      );
    },
  );

  test("a small limit is told in kilobytes", () => {
    const device = withLimit("1k");
    expect(() => Tensor.zeros([1000], { device })).toThrow("4 kB asked for on");
    expect(() => Tensor.zeros([1000], { device })).toThrow("0 MB in use, limit 1 kB.");
    device.backend.close();
  });

  test("what a container leaves to the process is the limit, where it is less than the machine has", () => {
    const allowed = vi.spyOn(process, "constrainedMemory");
    const limitWhere = (bytes: number | undefined) => {
      allowed.mockReturnValue(bytes as number);
      const device = openCpu({ threads: 1 });
      const { limit } = memoryStats(device);
      device.backend.close();
      return limit;
    };
    expect(limitWhere(3e8)).toBe(3e8);
    for (const none of [0, undefined, 2 ** 64, 9.2e18]) expect(limitWhere(none)).toBeGreaterThan(0.9 * totalmem());
    allowed.mockReturnValue(3e8);
    const device = withLimit("400M");
    expect(memoryStats(device).limit).toBe(400 * 2 ** 20); // what is said counts
    device.backend.close();
    allowed.mockRestore();
  });

  test("is thrown by the call that asked, with the numbers and what to lower", () => {
    const device = withLimit("8000000");
    const held = Tensor.zeros([1_000_000], { device }); // 4 MB, 4,194,304 as a size class
    expect(() => Tensor.zeros([2_000_000], { device })).toThrow(
      `[memory] 8 MB asked for on ${device.name}, 4.2 MB in use, limit 8 MB. ` +
        "Lower the batch size or maxTokensPerMicroBatch, turn on gradient checkpointing, or raise ETTIN_MEMORY_LIMIT.",
    );
    held.dispose();
    device.backend.close();
  });

  test("loses nothing: what was there is intact, and after freeing the same program goes on", async () => {
    const device = withLimit("8M");
    const held = Tensor.full([1_000_000], 3, { device });
    const before = memoryStats(device);
    for (let i = 0; i < 3; i++) {
      expect(() => tensorScope(() => Tensor.zeros([2_000_000], { device }))).toThrow(EngineError);
    }
    expect(memoryStats(device)).toEqual(before);
    expect((await held.data()).every((value) => value === 3)).toBe(true);
    held.dispose();
    // Now the pool holds 4 MB of another size: they go back to the system for this one.
    const large = Tensor.full([2_000_000], 4, { device });
    expect((await large.data()).every((value) => value === 4)).toBe(true);
    large.dispose();
    device.backend.close();
  });

  test.each([
    ["more than the machine has", [2 ** 20, 2 ** 20]],
    ["more than 64 bits count", [2 ** 31, 2 ** 31, 2 ** 31]],
  ])("%s is an error, not a crash", (_, shape) => {
    expect(() => Tensor.empty(shape)).toThrow(/^\[memory\] .* asked for on (cpu|cuda)/);
  });

  test("working memory beyond the limit is the failure of the kernel that asked", async () => {
    const device = withLimit("1M");
    const product = read(() => {
      const a = Tensor.ones([300, 300], { device });
      const y = Tensor.empty([300, 300], a);
      device.backend.matmul(y, a, a); // packs its operands into working memory
      return y;
    });
    await product.catch((error) => expect(error.message).toMatch(/working memory: .* MB asked for/));
    await synchronize(device);
    device.backend.close();
  });

  test("a limit from the environment reaches a process's default device", async () => {
    const { stdout, code } = await runChild(
      `try { core.Tensor.zeros([1000, 1000]); } catch (error) { console.log(error.message); }
       console.log(core.Tensor.zeros([100]).size);`,
      { env: { ETTIN_MEMORY_LIMIT: "1M" } },
    );
    expect(stdout).toMatch(/^\[memory\] 4 MB asked for on cpu .*, 0 MB in use, limit 1 MB\. Lower .*\n100\n$/);
    expect(code).toBe(0);
  });
});
