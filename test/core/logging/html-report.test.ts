import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { htmlReport, metricsFile } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { reportCharts } from "../../../packages/core/src/logging/report-charts.ts";
import { reportPage } from "../../../packages/core/src/logging/report-page.ts";
import { reportScript } from "../../../packages/core/src/logging/report-script.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { fakeRun } from "../../support/trainer-run.ts";

const root = temporaryFolder();
const newFolder = () => mkdtempSync(join(root, "run-"));
const page = (folder: string) => readFileSync(join(folder, "report.html"), "utf8");
const titles = (html: string) => [...html.matchAll(/<h2>([^<]+)<\/h2>/g)].map(([, title]) => title);

const records = [
  {
    step: 1,
    loss: 10.5,
    grad_norm: 3,
    learning_rate: 1e-4,
    tokens_per_second: 900,
    rss: 2e9,
    memory: 1e9,
    memory_peak: 1.5e9,
  },
  {
    step: 2,
    loss: 9.5,
    grad_norm: 2,
    learning_rate: 2e-4,
    tokens_per_second: 950,
    rss: 2e9,
    memory: 1e9,
    memory_peak: 1.5e9,
  },
  { step: 2, eval_loss: 9.75, eval_perplexity: 17_154, eval_accuracy: 0.01, eval_runtime: 2 },
];

describe("reportCharts", () => {
  test("orders loss, evaluation, learning rate, gradient norm, speed and memory", () => {
    expect(reportCharts(records).main.map(({ title }) => title)).toEqual([
      "Loss",
      "Perplexity",
      "Accuracy",
      "Learning rate",
      "Gradient norm",
      "Tokens per second",
      "Memory",
    ]);
  });
  test("the loss of training and of evaluation share a chart", () => {
    const [loss] = reportCharts(records).main;
    expect(loss!.curves.map(({ name, x, y }) => ({ name, x, y }))).toEqual([
      { name: "training", x: [1, 2], y: [10.5, 9.5] },
      { name: "evaluation", x: [2], y: [9.75] },
    ]);
  });
  test("parts of the loss have a chart", () => {
    const { main } = reportCharts([{ step: 1, loss: 3, base_loss: 2, flops_loss: 1 }]);
    expect(main.map(({ title, curves }) => [title, curves.map(({ name }) => name)])).toEqual([
      ["Loss", ["training"]],
      ["Parts of the loss", ["base_loss", "flops_loss"]],
    ]);
  });
  test("dozens of cut-offs do not push the other charts off the page", () => {
    const metrics = Object.fromEntries(
      ["ndcg", "map", "mrr"].flatMap((m) => [1, 3, 5, 10].map((k) => [`eval_${m}@${k}`, 0.5])),
    );
    const { main, more } = reportCharts([{ step: 1, ...metrics }]);
    expect([main.length, more.length]).toEqual([4, 8]);
  });
});

describe("reportPage", () => {
  const report = {
    title: "</title><script>alert(1)</script>",
    subtitle: "began today",
    state: "running" as const,
    done: 0.5,
    figures: [["step", "2", "of 4"] as const],
    records: [...records, { step: 3, loss: Number.NaN }],
    facts: { Arguments: { learningRate: 1e-4, prompts: { query: "<q>" }, evalSteps: null } },
  };
  const html = reportPage(report);

  test("is one file that asks for nothing else", () => {
    expect(html).not.toMatch(/\b(src|href)=|@import|url\(|https?:/);
  });
  test("shows names as text, never as markup", () => {
    expect(html).not.toContain("<script>alert");
    expect(html).not.toContain("<q>");
  });
  test("has its data in a form that a script reads back", () => {
    const [, data] = /id="charts">([\s\S]*?)<\/script>/.exec(html)!;
    const charts = JSON.parse(data!) as { series: { x: number[]; y: (number | null)[] }[] }[];
    expect(charts).toHaveLength(titles(html).length);
    expect(charts[0]!.series[0]).toEqual({ x: [1, 2, 3], y: [10.5, 9.5, null] });
  });
  test("has tables and charts of its own, before those of the records", () => {
    const tables = [{ title: "Before & after", columns: ["metric", "now"], rows: [["nDCG <10>", "0.5"]] }];
    const charts = [{ title: "What went before", curves: [{ name: "loss", x: [1, 2], y: [3, 2] }] }];
    const more = reportPage({ ...report, tables, charts });
    expect(more).toContain("<h2>Before &#38; after</h2>");
    expect(more).toContain("<th>metric</th><th>now</th>");
    expect(more).toContain("<td>nDCG &#60;10&#62;</td><td>0.5</td>");
    expect(titles(more)).toEqual(["Before &#38; after", "What went before", ...titles(html)]);
    const data = JSON.parse(/id="charts">([\s\S]*?)<\/script>/.exec(more)![1]!) as { series: { y: number[] }[] }[];
    expect(data[0]!.series[0]!.y).toEqual([3, 2]);
  });
  test("its script runs, and shows the values at a step", () => {
    const { document, figures } = fakePage(html);
    runInNewContext(reportScript, { document, setInterval: () => {}, location: {}, console });
    expect(figures[0]!.values.map(({ textContent }) => textContent)).toEqual(["–", "9.75"]);
    figures[0]!.picture.listeners.pointermove!({ clientX: 0 });
    expect(figures[0]!.values[0]!.textContent).toBe("10.5");
    expect(figures[0]!.guideText.textContent).toBe("step 1");
    expect(figures[1]!.guideText.textContent).toBe("step 2"); // there is no other value
    figures[0]!.picture.listeners.pointerleave!({});
    expect(figures[0]!.values[1]!.textContent).toBe("9.75");
  });
});

describe("htmlReport", () => {
  test("is there from the start, and tells how the run ended", async () => {
    const outputDir = newFolder();
    const run = fakeRun(htmlReport({ title: "A run" }), { outputDir, learningRate: 3e-4 });
    await run.begin();
    expect(page(outputDir)).toContain('data-state="running"');
    await run.step();
    await run.log({ loss: 2 });
    await run.end();
    await run.close();
    const html = page(outputDir);
    expect(html).toContain('data-state="finished"');
    expect(html).toContain("<h1>A run</h1>");
    expect(html).toContain("<dt>learningRate</dt><dd>0.0003</dd>");
    expect(html).toContain(`<dt>node</dt><dd>${process.version}</dd>`);
    expect(titles(html)).toEqual(["Loss", "Tokens per second", "Memory"]);
    expect(readdirSync(outputDir)).toEqual(["report.html"]); // no partial file
  });
  test("is written at most every so often, and at saves", async () => {
    const outputDir = newFolder();
    const run = fakeRun(htmlReport({ interval: 3600 }), { outputDir });
    await run.begin();
    await run.step();
    await run.log({ loss: 2 });
    expect(titles(page(outputDir))).toEqual([]);
    await run.save("checkpoint-1");
    expect(titles(page(outputDir))).toContain("Loss");
  });
  test("a run that an error ended is shown as stopped", async () => {
    const outputDir = newFolder();
    const run = fakeRun(htmlReport(), { outputDir });
    await run.begin();
    await run.close(new Error("the loss is NaN"));
    expect(page(outputDir)).toContain('data-state="stopped"');
  });
  test("a run that goes on shows what went before, without the steps that it takes again", async () => {
    const outputDir = newFolder();
    const first = fakeRun(metricsFile(), { outputDir });
    await first.begin();
    for (const loss of [5, 4, 3]) {
      await first.step();
      await first.log({ loss });
    }
    await first.close();
    const second = fakeRun(htmlReport(), { outputDir }, 2);
    await second.begin();
    await second.step();
    await second.log({ loss: 2.5 });
    await second.end();
    const [, data] = /id="charts">([\s\S]*?)<\/script>/.exec(page(outputDir))!;
    expect((JSON.parse(data!) as { series: unknown[] }[])[0]!.series[0]).toEqual({ x: [1, 2, 3], y: [5, 4, 2.5] });
  });
  test("a folder that cannot be written is said once and does not end the run", async () => {
    const outputDir = newFolder();
    writeFileSync(join(outputDir, "file"), "");
    const notices: string[] = [];
    const run = fakeRun(htmlReport({ onNotice: (notice) => notices.push(notice) }), { outputDir });
    await run.begin();
    await run.save("checkpoint-1");
    expect(notices).toEqual([]);
  });
  test("secrets among the arguments are not shown", async () => {
    const outputDir = newFolder();
    const run = fakeRun(htmlReport(), { outputDir, hubToken: "hf_secret" } as never);
    await run.begin();
    expect(page(outputDir)).not.toContain("hf_secret");
  });
});

/** As much of a browser as the page's script needs. */
function fakePage(html: string) {
  const element = () => ({
    textContent: "",
    attributes: {} as Record<string, unknown>,
    classList: { toggle: () => {} },
    setAttribute(name: string, value: unknown) {
      this.attributes[name] = value;
    },
  });
  const figures = [...html.matchAll(/<figure[\s\S]*?<\/figure>/g)].map(([text]) => {
    const values = [...text.matchAll(/<b>/g)].map(element);
    const dots = [...text.matchAll(/class="here/g)].map(element);
    const [guide, guideText] = [element(), element()];
    const picture = {
      listeners: {} as Record<string, (event: object) => void>,
      addEventListener(name: string, listener: (event: object) => void) {
        this.listeners[name] = listener;
      },
      getBoundingClientRect: () => ({ left: 100, width: 500 }),
    };
    return {
      ...element(),
      values,
      picture,
      guideText,
      querySelectorAll: (selector: string) => (selector === "b" ? values : dots),
      querySelector: (selector: string) =>
        ({ ".guide": guide, ".guide-text": guideText, "svg.chart": picture })[selector],
    };
  });
  const [, data] = /id="charts">([\s\S]*?)<\/script>/.exec(html)!;
  const document = {
    body: { dataset: { state: "running", unit: "step" } },
    getElementById: () => ({ textContent: data }),
    querySelectorAll: () => figures,
  };
  return { document, figures };
}
