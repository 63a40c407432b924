/**
 * What the report's page does: the values under the pointer, at one step in all charts; and while the run goes on, a
 * reload twice a minute unless someone is reading values.
 */
export const reportScript: string = `
const charts = JSON.parse(document.getElementById("charts").textContent);
const figures = document.querySelectorAll("figure");
const round = (v, d) => String(+v.toPrecision(d));
function show(v, unit) {
  if (v === null || v === undefined) return "–";
  if (unit === "bytes") return round(v / 1e9, 3) + " GB";
  const size = Math.abs(v);
  if (size >= 1e9) return round(v / 1e9, 4) + "G";
  if (size >= 1e6) return round(v / 1e6, 4) + "M";
  if (size >= 1e4) return round(v / 1e3, 4) + "k";
  return size > 0 && size < 1e-3 ? v.toExponential(2) : round(v, 5);
}
function nearest(xs, x) {
  let low = 0, high = xs.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1; else high = middle;
  }
  return low > 0 && x - xs[low - 1] <= xs[low] - x ? low - 1 : low;
}
function place(chart, x, y) {
  const [left, top, width, height] = chart.plot, [from, to] = chart.x, [low, high, log] = chart.y;
  const share = log ? Math.log(y / low) / Math.log(high / low) : (y - low) / (high - low);
  return [left + (x - from) / (to - from) * width, top + (1 - share) * height];
}
function point(step) {
  figures.forEach((figure, n) => {
    const chart = charts[n], values = figure.querySelectorAll("b"), dots = figure.querySelectorAll(".here");
    const inside = step !== null && step >= chart.x[0] && step <= chart.x[1];
    figure.classList.toggle("hover", inside);
    let at = step;
    chart.series.forEach((series, s) => {
      const i = step === null ? series.y.length - 1 : nearest(series.x, step);
      if (s === 0 && step !== null) at = series.x[i];
      values[s].textContent = show(series.y[i], chart.unit);
      const seen = inside && series.y[i] !== null;
      dots[s].classList.toggle("on", seen);
      if (!seen) return;
      const [cx, cy] = place(chart, series.x[i], series.y[i]);
      dots[s].setAttribute("cx", cx);
      dots[s].setAttribute("cy", cy);
    });
    if (!inside) return;
    const [x] = place(chart, at, chart.y[0]), guide = figure.querySelector(".guide"), text = figure.querySelector(".guide-text");
    guide.setAttribute("x1", x);
    guide.setAttribute("x2", x);
    const middle = chart.plot[0] + chart.plot[2] / 2;
    text.setAttribute("x", x < middle ? x + 6 : x - 6);
    text.setAttribute("text-anchor", x < middle ? "start" : "end");
    text.textContent = document.body.dataset.unit + " " + at.toLocaleString("en-US");
  });
}
let reading = false;
figures.forEach((figure, n) => {
  const picture = figure.querySelector("svg.chart");
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect(), { plot, x, view } = charts[n];
    const share = ((event.clientX - box.left) / box.width * view - plot[0]) / plot[2];
    reading = true;
    point(x[0] + Math.min(1, Math.max(0, share)) * (x[1] - x[0]));
  });
  picture.addEventListener("pointerleave", () => { reading = false; point(null); });
});
point(null);
if (document.body.dataset.state === "running") setInterval(() => { if (!reading && !document.hidden) location.reload(); }, 30000);
`.trim();
