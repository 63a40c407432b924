import { type Axis, type AxisOptions, along, axisFor } from "./axis.ts";
import { CURVE_COLORS } from "./chart-style.ts";
import { type Curve, smoothed, visiblePoints } from "./curve.ts";

export interface ChartOptions extends Pick<AxisOptions, "scale" | "fromZero" | "format"> {
  /** Above the chart. @default none */
  title?: string;
  /** What the horizontal axis counts. @default "step" */
  xLabel?: string;
  /** Steps that the horizontal axis covers besides those of the curves. @default none */
  xRange?: readonly number[];
  /** Where something begins: a line across the chart, with its name. @default none */
  marks?: readonly ChartMark[];
  /** @default 640 */
  width?: number;
  /** @default 320 */
  height?: number;
}

/** A place on the horizontal axis with a name. */
export interface ChartMark {
  readonly x: number;
  readonly text: string;
}

/** A chart's curves and where they are drawn, in units of its view box. */
export interface Chart {
  readonly curves: readonly Curve[];
  readonly width: number;
  readonly height: number;
  /** The rectangle that values fill. */
  readonly plot: { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
  readonly x: Axis;
  readonly y: Axis;
  readonly marks: readonly ChartMark[];
}

/** Chooses axes and places for some curves; those without a finite value are left out. */
export function layOutChart(curves: readonly Curve[], options: ChartOptions, above: number): Chart {
  const { width = 640, height = 320, marks = [] } = options;
  const top = above + (marks.length > 0 ? 10 : 0); // their names stand above the plot
  const shown = curves.filter(({ y }) => y.some(Number.isFinite));
  const values = function* (of: (curve: Curve) => readonly number[]) {
    for (const curve of shown) yield* of(curve);
  };
  const y = axisFor(
    values((curve) => curve.y),
    options,
  );
  const steps = [...(options.xRange ?? []), ...values((curve) => curve.x)];
  const x = axisFor(steps, { padding: 0.01, labels: 7 });
  const left = 14 + 6.4 * Math.max(2, ...y.ticks.map(({ text }) => text.length));
  const plot = { left, top, width: width - left - 14, height: height - top - 28 };
  return { curves: shown, width, height, plot, x, y, marks };
}

export const xPlace = ({ x, plot }: Chart, value: number): number => plot.left + along(x, value) * plot.width;
export const yPlace = ({ y, plot }: Chart, value: number): number =>
  plot.top + (1 - along(y, Math.max(value, y.log ? y.from : value))) * plot.height;

/** Grid, labels and curves as elements of an SVG. */
export function chartElements(chart: Chart, xLabel = "step"): string {
  const { plot } = chart;
  const [right, bottom] = [plot.left + plot.width, plot.top + plot.height];
  const parts: string[] = [];
  for (const { value, text } of chart.y.ticks) {
    const y = fixed(yPlace(chart, value));
    parts.push(`<line class="grid" x1="${fixed(plot.left)}" x2="${fixed(right)}" y1="${y}" y2="${y}"/>`);
    parts.push(`<text x="${fixed(plot.left - 8)}" y="${fixed(Number(y) + 3.8)}" text-anchor="end">${text}</text>`);
  }
  for (const { value, text } of chart.x.ticks) {
    const x = xPlace(chart, value);
    if (x > right - 34 && xLabel) continue; // the axis' name stands there
    parts.push(`<text x="${fixed(x)}" y="${fixed(bottom + 18)}" text-anchor="middle">${text}</text>`);
  }
  parts.push(`<text x="${fixed(right)}" y="${fixed(bottom + 18)}" text-anchor="end">${escapeXml(xLabel)}</text>`);
  for (const { x: value, text } of chart.marks) {
    const x = xPlace(chart, value);
    parts.push(`<line class="mark" x1="${fixed(x)}" x2="${fixed(x)}" y1="${plot.top}" y2="${fixed(bottom)}"/>`);
    parts.push(`<text x="${fixed(x)}" y="${plot.top - 5}">${escapeXml(text)}</text>`);
  }
  return `${parts.join("")}${chart.curves.map((curve, i) => curveElements(chart, curve, curveColor(curve, i))).join("")}`;
}

/** The number of a curve's colour. */
export const curveColor = (curve: Curve, place: number): number => (curve.color ?? place) % CURVE_COLORS;

function curveElements(chart: Chart, curve: Curve, color: number): string {
  const indices = visiblePoints(curve.y, 300);
  const path = (y: readonly number[]) =>
    pathOf(
      indices.map((i) => [xPlace(chart, curve.x[i]!), y[i]!] as const),
      chart,
    );
  if (curve.smooth && curve.y.length > 80) {
    return `<path class="faint c${color}" d="${path(curve.y)}"/><path class="line c${color}" d="${path(smoothed(curve.y))}"/>`;
  }
  const alone = indices.length === 1;
  const dots =
    alone || (curve.dots && indices.length <= 60)
      ? indices
          .filter((i) => Number.isFinite(curve.y[i]!))
          .map(
            (i) =>
              `<circle class="dot f${color}" r="2.6" ${at(xPlace(chart, curve.x[i]!), yPlace(chart, curve.y[i]!))}/>`,
          )
      : [];
  return `<path class="line c${color}" d="${path(curve.y)}"/>${dots.join("")}`;
}

const at = (x: number, y: number): string => `cx="${fixed(x)}" cy="${fixed(y)}"`;

/** A line through points, in pieces where a value is not finite. */
function pathOf(points: readonly (readonly [x: number, value: number])[], chart: Chart): string {
  let pen = "M";
  let d = "";
  for (const [x, value] of points) {
    if (!Number.isFinite(value)) {
      pen = "M";
      continue;
    }
    d += `${pen}${fixed(x)} ${fixed(yPlace(chart, value))}`;
    pen = "L";
  }
  return d;
}

const fixed = (value: number): string => String(Math.round(value * 10) / 10);

/** A text within an element, or in an attribute. */
export const escapeXml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
