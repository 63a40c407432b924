export type { ChartOptions } from "./chart.ts";
export type { Curve } from "./curve.ts";
export { curveSvg } from "./curve-svg.ts";
export { type HtmlReportOptions, htmlReport } from "./html-report.ts";
export { type MetricsFileOptions, metricsFile } from "./metrics-file.ts";
export { type ProgressOptions, progressReporter } from "./progress.ts";
export { type ReporterOptions, reportersOf } from "./reporters.ts";
export { type TensorBoardOptions, tensorBoard } from "./tensorboard.ts";
