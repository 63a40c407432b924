import { describe, expect, test, vi } from "vitest";
import { type ChildResult, runChild } from "../../support/child.ts";
import { isEmulated } from "../../support/devices.ts";

vi.setConfig({ testTimeout: 180_000 }); // processes of their own, on a machine that may be busy

// The emulated GPU stops, or refuses a call, where ETTIN_EMULATION_FAIL says so; a process cannot go on from a stop, so
// each test has one of its own.

const PRELUDE = `
  const { openNativeCuda } = await import("./packages/core/src/backend/cuda.ts");
  const { synchronize, Tensor } = core;
  const backend = openNativeCuda(0);
  const device = { name: backend.name, backend };
  const say = async (name, run) => {
    try {
      console.log(name + ": " + JSON.stringify(await run()));
    } catch (error) {
      console.log(name + ": " + error.name + " " + error.message);
    }
  };
  const from = (values) => Tensor.from(Float32Array.from(values), { device });
  const twice = (x) => { const y = Tensor.empty([x.shape[0]], x); backend.add(y, x, x); return y; };
  const values = async (x) => [...(await x.data())];
`;

const run = (fail: string, text: string, env: NodeJS.ProcessEnv = {}): Promise<ChildResult> =>
  runChild(PRELUDE + text, { env: { ...env, ETTIN_EMULATION_FAIL: fail } });

/** What each `say` has printed, by name; the process must have ended well. */
async function said(fail: string, text: string, env?: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await run(fail, text, env);
  expect(`${code} ${stderr}`).toBe("0 ");
  return Object.fromEntries(stdout.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)));
}

const STOPPED =
  "the GPU has stopped: an illegal memory access was encountered, in a kernel that was launched before this. All " +
  "tensors on it are lost: start the process again, with CUDA_LAUNCH_BLOCKING=1 to learn which kernel it is, or under " +
  "compute-sanitizer.";

/** A GPU does not fail when it is told to. */
const onEmulation = describe.skipIf(!isEmulated());

onEmulation("an emulated GPU that stops", () => {
  test("rejects reads and marks, first ones too, and the process goes on", async () => {
    const lines = await said(
      "kernel 1",
      `const x = from([1, 2]);
      const y = twice(x);
      await say("read", () => values(y));
      await say("mark", () => synchronize(device));
      backend.close();
      console.log("end: reached");`,
    );
    expect(lines.read).toBe(`KernelError [cuda] ${STOPPED}`);
    expect(lines.mark).toBe(`KernelError [cuda] ${STOPPED}`);
    expect(lines.end).toBe("reached");
  });

  test("marks what is uploaded or wrapped afterwards", async () => {
    const lines = await said(
      "kernel 1",
      `twice(from([1, 2]));
      const later = from([3, 4]);
      const wrapped = backend.wrap(Float32Array.of(5));
      await say("later", () => values(later));
      await say("wrapped", () => backend.download(wrapped, 0, 4));
      backend.close();`,
    );
    expect(lines.later).toBe(`KernelError [cuda] ${STOPPED}`);
    expect(lines.wrapped).toBe(`KernelError [cuda] ${STOPPED}`);
  });

  test("is told to kernels that are launched afterwards as the fault of another", async () => {
    const lines = await said(
      "kernel 1",
      `const x = from([1, 2]);
      const z = twice(twice(x));
      await say("read", () => values(z));
      backend.close();`,
    );
    expect(lines.read).toBe(`KernelError [cuda] ${STOPPED}`);
    const blocking = await said(
      "kernel 1",
      `const y = twice(from([1, 2]));
      await say("read", () => values(y));
      backend.close();`,
      { CUDA_LAUNCH_BLOCKING: "1" },
    );
    expect(blocking.read).toMatch(/^KernelError \[cuda\] the GPU has stopped: .*, in the first kernel that says so\./);
  });

  test("has no working memory for the next kernel, which is no end either", async () => {
    const lines = await said(
      "kernel 1",
      `const rows = 6_000_000; // their order takes several blocks: one block of all is asked for when the kernel ends
      const gradient = from([0, 0]).viewAs([2, 1]);
      const [dy, ids] = [Tensor.empty([rows, 1], { device }), Tensor.empty([rows], { device, dtype: "int32" })];
      backend.embeddingBackward(gradient, dy, ids, true);
      await say("read", () => backend.download(gradient.storage.id, 0, 8));
      backend.close();`,
    );
    expect(lines.read).toBe(`KernelError [cuda] ${STOPPED}`);
  });

  test("says so where more memory is asked for, which is not that there is none", async () => {
    const lines = await said(
      "kernel 1",
      `twice(from([1, 2]));
      await synchronize(device).catch(() => {});
      await say("memory", () => Tensor.empty([64 << 20], { device }));
      backend.close();`,
    );
    expect(lines.memory).toBe(`EngineError [cuda] ${STOPPED}`);
  });

  test("keeps nothing of what is done to it afterwards", async () => {
    const lines = await said(
      "kernel 1",
      `const x = from([1, 2]);
      const failures = [];
      for (let i = 0; i < 200; i++) {
        const y = twice(x);
        failures.push(y.data().then(() => "read", () => "rejected"));
        y.dispose();
      }
      const all = await Promise.all(failures);
      await say("all", () => all.every((each) => each === "rejected"));
      await say("closed", () => backend.close());`,
    );
    expect(lines.all).toBe("true");
    expect(lines.closed).toBe("undefined");
  });
});

onEmulation("a call that an emulated GPU refuses", () => {
  test("fails the read whose copy it was, in the middle of others, and no other", async () => {
    const lines = await said(
      "download 2",
      `const large = from(new Float32Array(3 << 20).fill(7)); // three pieces: the second is refused
      const small = from([1]);
      const reads = [large, small].map((x) => x.data());
      await say("large", () => reads[0]);
      await say("small", async () => [...(await reads[1])]);
      await say("again", async () => (await large.data()).every((value) => value === 7));
      backend.close();`,
    );
    expect(lines.large).toBe(
      "KernelError [cuda] CUDA: download: invalid argument. Run ettin doctor, which says what the driver and the GPU are.",
    );
    expect(lines.small).toBe("[1]");
    expect(lines.again).toBe("true");
  });

  test("page-locked memory for a read: the read fails, the next one asks again", async () => {
    const text = `const x = from([1]);
      await say("first", () => values(x));
      await say("second", () => values(x));
      backend.close();`;
    // 1: what faults are written to; 2: the upload's piece; 3: the download's
    const lines = await said("pinned 3", text);
    expect(lines.first).toBe(
      "KernelError [cuda] CUDA: download: out of memory. Free memory of the machine and of the GPU.",
    );
    expect(lines.second).toBe("[1]");
    const upload = await said("pinned 2", text);
    expect(upload.first).toBe(
      "KernelError [upload] CUDA: page-locked memory: out of memory. Free memory of the machine and of the GPU.",
    );
  });

  test("a graph: its kernels are launched one by one", async () => {
    const text = `let y;
      const x = from([1, 2]);
      const graph = core.Graph.capture(device, () => { y = twice(twice(x)); });
      const found = [await values(y)];
      for (let i = 0; i < 6; i++) {
        x.setValues([i, 2 * i]);
        graph.replay();
        found.push(await values(y));
      }
      await say("values", () => found);
      backend.close();`;
    const wanted = "[[4,8],[0,0],[4,8],[8,16],[12,24],[16,32],[20,40]]";
    expect((await said("capture 1", text)).values).toBe(wanted);
    expect((await said("", text)).values).toBe(wanted);
    // Kernels 1 to 4 run one by one, 5 writes the graph's number, 6 and 7 are its own.
    expect(
      (await said("kernel 7", text.replace("found.push(await values(y));", "await say(i, () => values(y));")))[1],
    ).toBe(`KernelError [cuda] ${STOPPED}`);
  });

  test("memory: what is out of memory is told from what is not", async () => {
    // 1: the context's own; 2: the first segment, then once more, no larger than it must be
    const text = `await say("x", () => { const x = from([1]); return values(x); }); backend.close();`;
    expect((await said("malloc 2", text)).x).toBe(
      "EngineError [cuda] CUDA: memory: invalid argument. Run ettin doctor, which says what the driver and the GPU are.",
    );
    expect((await said("memory 2", text)).x).toBe("[1]");
  });
});

test("closing a GPU settles the reads of a kernel that found its data wrong", async () => {
  const lines = await said(
    "",
    `const pending = [];
    for (let round = 0; round < 50; round++) {
      const own = openNativeCuda(0);
      const on = { name: own.name, backend: own };
      const table = Tensor.from([[1, 2], [3, 4]], { device: on });
      const bad = Tensor.empty([1, 2], table);
      own.embeddingForward(bad, table, Tensor.from(Int32Array.of(7), { device: on }));
      for (let i = 0; i < 2; i++) pending.push(bad.data().then(() => "read", (error) => error.where));
      own.close();
    }
    const late = new Promise((done) => setTimeout(done, 2000, "never"));
    const all = await Promise.all(pending.map((each) => Promise.race([each, late])));
    await say("reads", () => [all.length, [...new Set(all)]]);
    process.exit(0);`,
  );
  expect(lines.reads).toBe('[100,["embedding"]]');
});
