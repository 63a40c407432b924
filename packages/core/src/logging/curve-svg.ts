import { type ChartOptions, chartElements, curveColor, escapeXml, layOutChart } from "./chart.ts";
import { chartStyle } from "./chart-style.ts";
import type { Curve } from "./curve.ts";

/**
 * A picture of curves over steps: an SVG that needs nothing else, for a README. It follows the reader's light or dark
 * page. Long curves keep their spikes; values that are not finite leave gaps.
 *
 * @returns the file's text
 */
export function curveSvg(curves: readonly Curve[], options: ChartOptions = {}): string {
  const { title = "", xLabel = "step" } = options;
  const marks = (options.marks ?? []).map(({ x }) => x);
  const xRange = [...(options.xRange ?? []), ...marks];
  const chart = layOutChart(curves, { ...options, xRange }, title ? 44 : 30);
  const { width, height, plot } = chart;
  const named = chart.curves.length > 1 || !title;
  const words = [
    ...(title ? [`<text class="title" x="14" y="24">${escapeXml(title)}</text>`] : []),
    ...(named ? [names(chart.curves, plot.left + plot.width, title ? 24 : 18)] : []),
  ];
  const label = escapeXml(title || chart.curves.map(({ name }) => name).join(", "));
  return `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">
<style>${chartStyle}</style>
${words.join("")}${chartElements(chart, xLabel)}
</svg>
`;
}

/** The curves' names with their colours, ending at `right`. */
function names(curves: readonly Curve[], right: number, y: number): string {
  let x = right;
  const parts: string[] = [];
  for (const [i, curve] of [...curves.entries()].reverse()) {
    parts.push(`<text x="${x.toFixed(1)}" y="${y}" text-anchor="end">${escapeXml(curve.name)}</text>`);
    x -= 6.2 * curve.name.length + 10; // about the width of its letters
    parts.push(`<circle class="f${curveColor(curve, i)}" r="4" cx="${x.toFixed(1)}" cy="${y - 4}"/>`);
    x -= 14;
  }
  return parts.reverse().join("");
}
