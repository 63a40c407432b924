import { cpuLevels, EngineError, memoryStats, openCpu, openCuda, synchronize, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { runChild } from "../../support/child.ts";

describe("openCpu", () => {
  test("an instruction-set level that is not there says what is", () => {
    const have = cpuLevels().join(", ");
    const open = () => openCpu({ level: "avx1024" });
    expect(open).toThrow(EngineError);
    expect(open).toThrow(
      `[device] instruction-set level "avx1024" was asked for, but this machine runs ${have} (built: baseline, `,
    );
    expect(open).toThrow("Choose one of those, or unset ETTIN_CPU_LEVEL for the best.");
  });

  test.each(cpuLevels())("level %s can be forced, and the name says so", (level) => {
    const device = openCpu({ level, threads: 3 });
    expect(device.name).toBe(`cpu (${level}, 3 threads)`);
    device.backend.close();
  });

  test.each([-1, 1.5, Number.NaN, 1e6])("%d threads is an error", (threads) => {
    expect(() => openCpu({ threads })).toThrow(`[device] threads is ${threads}. Pass a whole number`);
  });

  test("ETTIN_CPU_LEVEL and ETTIN_NUM_THREADS choose for a process", async () => {
    const { stdout } = await runChild("console.log(core.defaultDevice().name)", {
      env: { ETTIN_CPU_LEVEL: "baseline", ETTIN_NUM_THREADS: "1" },
    });
    expect(stdout).toBe("cpu (baseline, 1 thread)\n");
  });

  test.each(["abc", "0", "-1", "2000", "1.5", "2 threads", " 2"])("ETTIN_NUM_THREADS=%j is an error", async (value) => {
    const { stderr, code } = await runChild("core.Tensor.zeros([1])", { env: { ETTIN_NUM_THREADS: value } });
    expect(stderr).toContain(
      `[device] ETTIN_NUM_THREADS is "${value}". Pass a whole number from 1 to 1024, or unset it for the physical cores.`,
    );
    expect(code).toBe(1);
  });

  test("an empty variable is as good as none, and threads that are asked for need none", async () => {
    const text = "console.log(core.openCpu({ level: 'baseline', threads: 3 }).name)";
    const { stdout } = await runChild(text, { env: { ETTIN_NUM_THREADS: "abc", ETTIN_MEMORY_LIMIT: "" } });
    expect(stdout).toBe("cpu (baseline, 3 threads)\n");
  });

  test("a level that ETTIN_CPU_LEVEL names and the machine lacks is an error at the first use", async () => {
    const { stderr, code } = await runChild("core.Tensor.zeros([1])", { env: { ETTIN_CPU_LEVEL: "avx9" } });
    expect(stderr).toContain('[device] instruction-set level "avx9" was asked for, but this machine runs baseline');
    expect(code).toBe(1);
  });
});

describe("a device by name", () => {
  const child = (text: string, env: NodeJS.ProcessEnv = {}) =>
    runChild(`const name = (run) => { try { return run().name } catch (error) { return error.message } };\n${text}`, {
      env: { ETTIN_CPU_LEVEL: "baseline", ETTIN_NUM_THREADS: "1", ETTIN_CUDA_LIBRARY: "/nowhere.so", ...env },
    });

  test('"cuda" without a library of kernels says what is missing', async () => {
    const { stdout } = await child(`console.log(name(() => core.Tensor.zeros([1], { device: "cuda" }).device));
      console.log(name(() => core.openCuda()) === name(() => core.openCuda({ gpu: 1 })))`);
    expect(stdout).toBe(
      "[device] ETTIN_CUDA_LIBRARY is /nowhere.so, which is not there. Set it to a libettin_cuda.so, or unset it. " +
        'Or use device: "cpu".\ntrue\n',
    );
  });

  test.each([-1, 0.5])("GPU %d is an error", (gpu) => {
    expect(() => openCuda({ gpu })).toThrow(`[device] gpu is ${gpu}. Pass a GPU's number: 0, 1, …`);
  });

  test.each(["tpu", "cuda:", "cuda:x", "cuda:-1", "CPU"])("%j says which there are", (name) => {
    expect(() => Tensor.zeros([1], { device: name as never })).toThrow(
      `[device] "${name}" was asked for, but there are "cpu", "cuda" and, of several GPUs, "cuda:1". Use one of those.`,
    );
  });

  test("ETTIN_DEVICE names the default device", async () => {
    const { stdout } = await child("console.log(name(() => core.defaultDevice()))", { ETTIN_DEVICE: "cuda:1" });
    expect(stdout).toContain("ETTIN_CUDA_LIBRARY is /nowhere.so");
    expect((await child("console.log(name(() => core.defaultDevice()))", { ETTIN_DEVICE: "cpu" })).stdout).toBe(
      "cpu (baseline, 1 thread)\n",
    );
    const wrong = await child("console.log(name(() => core.defaultDevice()))", { ETTIN_DEVICE: "gpu" });
    expect(wrong.stdout).toContain('[ETTIN_DEVICE] "gpu" was asked for, but there are "cpu", "cuda"');
  });

  test('"cpu" is the CPU also where the default device is another', async () => {
    const { stdout } = await child(`
      const cpu = core.openCpu({ threads: 3 });
      core.setDefaultDevice(cpu);
      console.log(core.Tensor.zeros([1], { device: "cpu" }).device === cpu, core.memoryStats("cpu").current > 0);
      core.setDefaultDevice({ name: "another", backend: cpu.backend });
      console.log(core.defaultDevice().name, core.Tensor.zeros([1], { device: "cpu" }).device.name);
      core.setDefaultDevice("cpu");
      console.log(core.defaultDevice().name)`);
    expect(stdout).toBe("true true\nanother cpu (baseline, 1 thread)\ncpu (baseline, 1 thread)\n");
  });
});

describe("close", () => {
  test("waits for reads that were asked for", async () => {
    const device = openCpu({ threads: 2 });
    const read = Tensor.full([100_000], 5, { device }).data();
    device.backend.close();
    expect((await read)[99_999]).toBe(5);
  });

  test("makes later calls errors, but not the disposal of what was left", () => {
    const device = openCpu({ threads: 2 });
    const left = Tensor.zeros([4], { device });
    device.backend.close();
    expect(() => Tensor.zeros([4], { device })).toThrow(/is closed/);
    expect(() => memoryStats(device)).toThrow(/is closed/);
    expect(() => left.dispose()).not.toThrow();
  });

  test("is harmless when repeated", () => {
    const device = openCpu({ threads: 2 });
    device.backend.close();
    expect(() => device.backend.close()).not.toThrow();
  });
});

test("synchronize resolves when everything queued has run", async () => {
  const device = openCpu({ threads: 2 });
  const x = Tensor.zeros([1 << 20], { device });
  let read = false;
  const values = x.data().then(() => {
    read = true;
  });
  await synchronize(device);
  expect(read).toBe(true);
  await values;
  device.backend.close();
});

describe("a process", () => {
  const products = (count: number) => `
    const x = core.Tensor.ones([700, 700]);
    const y = core.Tensor.empty([700, 700], x);
    for (let i = 0; i < ${count}; i++) x.backend.matmul(y, x, x);
  `;

  test("ends without waiting for queued work that nobody reads", async () => {
    const { code, stdout } = await runChild(
      `${products(10_000)} // minutes of work: waiting for it would time out
       process.on("exit", () => console.log("left"));`,
      { env: { ETTIN_NUM_THREADS: "1" } },
    );
    expect(stdout).toBe("left\n");
    expect(code).toBe(0);
  });

  test("stays alive for a pending read", async () => {
    const { code, stdout } = await runChild(`${products(60)} y.data().then((values) => console.log(values[0]));`);
    expect(stdout).toBe("700\n");
    expect(code).toBe(0);
  });

  test("that is told to exit in the middle of a kernel exits with that code", async () => {
    const { code } = await runChild(`${products(10_000)} y.data(); process.exit(3);`);
    expect(code).toBe(3);
  });

  test("an unhandled failed read ends it with the op's message", async () => {
    const { code, stderr } = await runChild(`
      const table = core.Tensor.ones([3, 2]);
      const y = core.Tensor.empty([1, 2], table);
      y.backend.embeddingForward(y, table, core.Tensor.from(Int32Array.of(-1)));
      y.data();
    `);
    expect(code).toBe(1);
    expect(stderr).toContain("[embedding] id -1 at place 0");
  });
});
