/** Colours of curves by number, on a light and on a dark page. */
const light: readonly string[] = ["#2563eb", "#e8590c", "#2b8a3e", "#9333ea", "#d6336c", "#0c8599"];
const dark: readonly string[] = ["#74a7ff", "#ff9d5c", "#69db7c", "#c89bff", "#faa2c1", "#66d9e8"];

/** How many curves of a chart have a colour of their own. */
export const CURVE_COLORS: number = light.length;

const colors = (palette: readonly string[]): string =>
  palette.map((color, i) => `.c${i}{stroke:${color}}.f${i}{fill:${color}}`).join("");

/**
 * The rules of charts, for a picture alone and for a page. They name colours outright: programs that turn pictures into
 * pixels know no variables.
 */
export const chartStyle: string = `
.chart text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:#6b7076}
.chart .title{font-size:14px;font-weight:600;fill:#1b1d20}
.chart .grid{stroke:#e7e9ec;stroke-width:1}
.chart .mark{stroke:#b3b8bf;stroke-width:1;stroke-dasharray:3 3}
.chart .line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.chart .faint{fill:none;stroke-width:1;stroke-opacity:.28;stroke-linejoin:round}
.chart .dot{stroke:none}
${colors(light)}
@media (prefers-color-scheme:dark){
.chart text{fill:#9aa0a8}
.chart .title{fill:#eceef1}
.chart .grid{stroke:#2b2e33}
.chart .mark{stroke:#5a6068}
${colors(dark)}
}`.trim();
