import { type Chart, type ChartMark, chartElements, curveColor, escapeXml, layOutChart } from "./chart.ts";
import { type Curve, visiblePoints } from "./curve.ts";
import type { LogRecord } from "./log-record.ts";
import { type ReportChart, reportCharts } from "./report-charts.ts";
import { reportScript } from "./report-script.ts";
import { reportStyle } from "./report-style.ts";
import { shortBytes, shortNumber } from "./short-number.ts";

/** Rows under a heading. */
export interface ReportTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a report shows. */
export interface Report {
  readonly title: string;
  /** A line below the title: the model, when the run began. */
  readonly subtitle: string;
  readonly state: "running" | "finished" | "stopped";
  /** The share of the run that is done, from 0 to 1. */
  readonly done: number;
  /** The figures on top: name, value, a remark in small letters. */
  readonly figures: readonly (readonly [name: string, value: string, remark?: string])[];
  /** All that was logged. */
  readonly records: readonly LogRecord[];
  /** Tables above the charts. @default none */
  readonly tables?: readonly ReportTable[];
  /** Charts before those of the records. @default none */
  readonly charts?: readonly { readonly title: string; readonly curves: readonly Curve[] }[];
  /** What `step` of the records counts. @default "step" */
  readonly xLabel?: string;
  /** Where parts of the run begin. @default none */
  readonly marks?: readonly ChartMark[];
  /** Tables at the end, by their titles. */
  readonly facts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** A report as one HTML file that needs nothing else: no network, no library. Without scripts the curves still show. */
export function reportPage(report: Report): string {
  const { main: logged, more } = reportCharts(report.records);
  const own = (report.charts ?? []).map(
    (each) => ({ ...each, scale: "linear", fromZero: false, unit: "number" }) as const,
  );
  const main: readonly ReportChart[] = [...own, ...logged];
  const steps = [...main, ...more].flatMap(({ curves }) => curves.flatMap(({ x }) => [x[0]!, x.at(-1)!]));
  for (const { x } of report.marks ?? []) steps.push(x);
  const xRange = [Math.min(...steps), Math.max(...steps)] as const; // one for all charts
  const drawn = [...main, ...more].map((chart, i) => draw(chart, report, i === 0 && main.length % 2 === 1, xRange));
  const mainFigures = drawn.slice(0, main.length).map(({ html }) => html);
  const moreFigures = drawn.slice(main.length).map(({ html }) => html);
  const done = Math.min(100, Math.max(0, 100 * report.done));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(report.title)}</title>
<style>
${reportStyle}
</style>
</head>
<body data-state="${report.state}" data-unit="${escapeXml(report.xLabel ?? "step")}">
<main>
<span class="state ${report.state}">${report.state}</span>
<h1>${escapeXml(report.title)}</h1>
<p class="sub">${escapeXml(report.subtitle)}</p>
<div class="way"><i style="width:${done.toFixed(1)}%"></i></div>
<dl class="figures">
${report.figures.map(([name, value, remark]) => `<div><dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}${remark ? ` <small>${escapeXml(remark)}</small>` : ""}</dd></div>`).join("\n")}
</dl>
${(report.tables ?? []).map(table).join("\n")}
${mainFigures.length ? `<div class="charts">\n${mainFigures.join("\n")}\n</div>` : `<p class="sub">Nothing was logged so far.</p>`}
${moreFigures.length ? `<details><summary>More evaluation metrics</summary>\n<div class="charts">\n${moreFigures.join("\n")}\n</div>\n</details>` : ""}
${Object.entries(report.facts).map(factTable).join("\n")}
</main>
<script type="application/json" id="charts">${inScript(drawn.map(({ data }) => data))}</script>
<script>
${reportScript}
</script>
</body>
</html>
`;
}

const formatOf = (unit: ReportChart["unit"]) => (unit === "bytes" ? (value: number) => shortBytes(value) : shortNumber);

function draw(
  chartOf: ReportChart,
  { xLabel = "step", marks = [] }: Report,
  wide: boolean,
  xRange: readonly [number, number],
): { html: string; data: unknown } {
  const size = wide ? { width: 1140, height: 340 } : { width: 560, height: 270 };
  const { unit, title, ...options } = chartOf;
  const chart = layOutChart(chartOf.curves, { ...options, ...size, xRange, marks, format: formatOf(unit) }, 14);
  const last = (y: readonly number[]) => formatOf(unit)(y.at(-1)!, 4);
  const names = chart.curves.map((curve, i) => {
    const dot = `<svg viewBox="0 0 2 2" class="chart-key"><circle class="f${curveColor(curve, i)}" r="1" cx="1" cy="1"/></svg>`;
    return `<span>${dot}${chart.curves.length > 1 ? `${escapeXml(curve.name)} ` : ""}<b>${escapeXml(last(curve.y))}</b></span>`;
  });
  const dots = chart.curves.map((curve, i) => `<circle class="here f${curveColor(curve, i)}" r="4"/>`).join("");
  const { top, height } = chart.plot;
  return {
    html: `<figure${wide ? ' class="wide"' : ""}>
<figcaption><h2>${escapeXml(title)}</h2>${names.join("")}</figcaption>
<svg class="chart" viewBox="0 0 ${chart.width} ${chart.height}" role="img" aria-label="${escapeXml(title)}">
${chartElements(chart, xLabel)}
<line class="guide" y1="${top}" y2="${top + height}"/><text class="guide-text" y="${top + 9}"></text>${dots}
</svg>
</figure>`,
    data: chartData(chart, unit),
  };
}

/** What the page's script needs to find values. */
function chartData(chart: Chart, unit: ReportChart["unit"]): unknown {
  const { plot, x, y, width } = chart;
  return {
    unit,
    view: width,
    plot: [plot.left, plot.top, plot.width, plot.height],
    x: [x.from, x.to],
    y: [y.from, y.to, y.log],
    series: chart.curves.map((curve) => {
      const seen = visiblePoints(curve.y, 300);
      return {
        x: seen.map((i) => curve.x[i]!),
        y: seen.map((i) => (Number.isFinite(curve.y[i]!) ? Number(curve.y[i]!.toPrecision(6)) : null)),
      };
    }),
  };
}

function table({ title, columns, rows }: ReportTable): string {
  const row = (cells: readonly string[], tag: "th" | "td") =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeXml(cell)}</${tag}>`).join("")}</tr>`;
  return `<section><h2>${escapeXml(title)}</h2>
<table>
<thead>${row(columns, "th")}</thead>
<tbody>
${rows.map((cells) => row(cells, "td")).join("\n")}
</tbody>
</table></section>`;
}

function factTable([title, facts]: readonly [string, Readonly<Record<string, unknown>>]): string {
  const rows = Object.entries(facts)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `<div><dt>${escapeXml(name)}</dt><dd>${escapeXml(valueText(value))}</dd></div>`);
  return `<details><summary>${escapeXml(title)}</summary>
<dl class="facts">
${rows.join("\n")}
</dl>
</details>`;
}

const valueText = (value: unknown): string => (typeof value === "object" ? JSON.stringify(value) : String(value));

/** JSON that cannot end the script element that it stands in. */
const inScript = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c");
