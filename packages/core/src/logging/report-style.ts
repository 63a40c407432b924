import { chartStyle } from "./chart-style.ts";

/** The rules of the report's page. */
export const reportStyle: string = `
:root{color-scheme:light dark;--page:#f6f7f8;--paper:#fff;--ink:#1b1d20;--soft:#6b7076;--line:#e3e5e8;--accent:#2563eb;--good:#2b8a3e;--warn:#c2410c}
@media (prefers-color-scheme:dark){:root{--page:#111315;--paper:#1a1c1f;--ink:#eceef1;--soft:#9aa0a8;--line:#2b2e33;--accent:#74a7ff;--good:#69db7c;--warn:#ff9d5c}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1180px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:24px;line-height:1.25;margin:0;overflow-wrap:anywhere}
h2{font-size:14px;font-weight:600;margin:0}
.sub{margin:4px 0 0;color:var(--soft)}
.state{float:right;margin:3px 0 0 16px;padding:2px 12px;border-radius:99px;border:1px solid;font-size:13px;color:var(--good)}
.state.running{color:var(--accent)}
.state.stopped{color:var(--warn)}
.way{height:4px;margin:20px 0 0;border-radius:2px;background:var(--line);overflow:hidden}
.way i{display:block;height:100%;background:var(--accent)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:4px 20px;margin:20px 0 28px}
.figures dt{color:var(--soft);font-size:13px}
.figures dd{margin:0;font-size:20px;font-weight:600;font-variant-numeric:tabular-nums}
.figures small{font-size:13px;font-weight:400;color:var(--soft)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));gap:16px}
figure{margin:0;padding:14px 8px 6px;background:var(--paper);border:1px solid var(--line);border-radius:10px}
figure.wide{grid-column:1/-1}
figcaption{display:flex;flex-wrap:wrap;gap:2px 16px;align-items:baseline;padding:0 8px 4px;font-size:13px}
figcaption span{color:var(--soft);white-space:nowrap}
figcaption b{color:var(--ink);font-weight:600;font-variant-numeric:tabular-nums}
figcaption svg{width:9px;height:9px;margin-right:5px}
.chart{display:block;width:100%;height:auto;touch-action:pan-y;cursor:crosshair}
.chart .guide{stroke:var(--soft);stroke-dasharray:2 3;visibility:hidden}
.chart .guide-text{fill:var(--ink);visibility:hidden;paint-order:stroke;stroke:var(--paper);stroke-width:4px}
.chart .here{visibility:hidden;stroke:var(--paper);stroke-width:1.5}
.hover .guide,.hover .guide-text,.hover .here.on{visibility:visible}
details{margin:20px 0 0;padding:12px 16px;background:var(--paper);border:1px solid var(--line);border-radius:10px}
summary{cursor:pointer;font-size:14px;font-weight:600}
details>.charts{margin-top:12px}
.facts{columns:2 400px;column-gap:40px;margin:12px 0 0;font-size:13px}
.facts div{display:flex;gap:12px;justify-content:space-between;padding:3px 0;border-bottom:1px solid var(--line);break-inside:avoid}
.facts dt{color:var(--soft)}
.facts dd{margin:0;text-align:right;overflow-wrap:anywhere;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
section{margin:0 0 20px;padding:14px 16px;background:var(--paper);border:1px solid var(--line);border-radius:10px;overflow-x:auto}
table{width:100%;margin:8px 0 0;border-collapse:collapse;font-size:14px}
th{text-align:left;font-weight:400;color:var(--soft)}
th,td{padding:5px 16px 5px 0;border-bottom:1px solid var(--line);vertical-align:top;font-variant-numeric:tabular-nums}
@media print{body{background:#fff}figure,details,section{break-inside:avoid}}
${chartStyle}`.trim();
