import { curveSvg } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { axisFor } from "../../../packages/core/src/logging/axis.ts";
import { smoothed, visiblePoints } from "../../../packages/core/src/logging/curve.ts";
import { shortBytes, shortNumber, shortTime } from "../../../packages/core/src/logging/short-number.ts";

const texts = (axis: ReturnType<typeof axisFor>) => axis.ticks.map(({ text }) => text);

describe("axisFor", () => {
  test("labels round numbers that lie within", () => {
    expect(texts(axisFor([0, 10], { padding: 0 }))).toEqual(["0", "2", "4", "6", "8", "10"]);
    expect(texts(axisFor([2.31, 2.48], { padding: 0 }))).toEqual(["2.35", "2.4", "2.45"]);
    expect(texts(axisFor([10.4, 12.6], { padding: 0 }))).toEqual(["10.5", "11", "11.5", "12", "12.5"]);
    expect(texts(axisFor([0, 8e-4], { padding: 0 }))).toEqual(["0", "2e-4", "4e-4", "6e-4", "8e-4"]);
    expect(texts(axisFor([1040, 1080], { padding: 0 }))).toEqual(["1.04k", "1.05k", "1.06k", "1.07k", "1.08k"]);
  });
  test("begins at 0 on request, unless a value is below", () => {
    expect(axisFor([5, 10], { fromZero: true }).from).toBe(0);
    expect(axisFor([-5, 10], { fromZero: true }).from).toBeLessThan(-5);
  });
  test("takes logarithms of positive values that span more than two powers of ten", () => {
    const axis = axisFor([0.1, 1000], { scale: "auto", padding: 0 });
    expect(axis.log).toBe(true);
    expect(texts(axis)).toEqual(["0.1", "1", "10", "100", "1k"]);
    expect(axisFor([1, 90], { scale: "auto" }).log).toBe(false);
    expect(axisFor([0, 1000], { scale: "auto" }).log).toBe(false);
  });
  test.each([[[]], [[3, 3, 3]], [[Number.NaN]], [[0]], [[1e300, -1e300]]])("values %j have an axis too", (values) => {
    const { from, to } = axisFor(values);
    expect(to).toBeGreaterThan(from);
    expect(Number.isFinite(to - from)).toBe(true);
  });
});

describe("curves", () => {
  test("smoothing leaves a constant as it is", () => {
    expect(smoothed(Array.from({ length: 200 }, () => 3))).toEqual(
      Array.from({ length: 200 }, () => expect.closeTo(3, 12)),
    );
  });
  test("a value that is not finite does not spoil what is smoothed", () => {
    const y = Array.from({ length: 200 }, (_, i) => (i === 50 ? Number.NaN : 1));
    expect(smoothed(y).filter(Number.isNaN)).toHaveLength(1);
  });
  test("smoothing does not draw a fall late", () => {
    const y = Array.from({ length: 401 }, (_, i) => 400 - i);
    expect(smoothed(y)[200]).toBeCloseTo(200, 6);
  });
  test("thinning keeps first, last and every spike", () => {
    const y = Array.from({ length: 100_000 }, (_, i) => Math.sin(i / 1000));
    y[31_416] = 50;
    y[77_777] = -50;
    const kept = visiblePoints(y, 300);
    expect(kept.length).toBeLessThanOrEqual(1200);
    expect(kept).toEqual(expect.arrayContaining([0, 31_416, 77_777, 99_999]));
    expect(kept).toEqual([...kept].sort((a, b) => a - b));
  });
});

describe("curveSvg", () => {
  test("draws a straight line from corner to corner", () => {
    const svg = curveSvg([{ name: "loss", x: [0, 10], y: [0, 1] }], { title: "Loss" });
    const [, d] = /class="line c0" d="([^"]+)"/.exec(svg)!;
    const [[x0, y0], [x1, y1]] = [...d!.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map((m) => [
      Number(m[1]),
      Number(m[2]),
    ]) as [[number, number], [number, number]];
    expect(x1).toBeGreaterThan(x0 + 500);
    expect(y1).toBeLessThan(y0 - 150); // up is less
  });
  test("leaves a gap where a value is not finite", () => {
    const svg = curveSvg([{ name: "loss", x: [0, 1, 2, 3, 4], y: [1, 2, Number.NaN, 2, 1] }]);
    const [, d] = /class="line c0" d="([^"]+)"/.exec(svg)!;
    expect(d!.match(/M/g)).toHaveLength(2);
    expect(svg).not.toContain("NaN");
  });
  test("writes names as text, never as markup", () => {
    const curve = { x: [0, 1], y: [1, 2] };
    const svg = curveSvg(
      [
        { name: "<b>&", ...curve },
        { name: "other", ...curve },
      ],
      { title: '"</style><script>' },
    );
    expect(svg).not.toMatch(/<b>|<script>/);
    expect(svg).toContain("&#60;b&#62;&#38;");
  });
  test("names nothing outside itself", () => {
    const svg = curveSvg([{ name: "loss", x: [0, 1], y: [1, 2] }]);
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/https?:|url\(|href/);
  });
  test("curves without a finite value, or none at all, give an empty chart", () => {
    expect(curveSvg([{ name: "loss", x: [1], y: [Number.NaN] }])).toMatch(/^<svg[\s\S]*<\/svg>\n$/);
    expect(curveSvg([])).not.toContain("NaN");
  });
});

test.each([
  [0, "0"],
  [0.01234, "0.0123"],
  [2.3, "2.3"],
  [999.96, "1k"],
  [12_345, "12.3k"],
  [1.7e12, "1.7T"],
  [3e-7, "3e-7"],
  [-1500, "-1.5k"],
  [Number.NaN, "NaN"],
])("%d in few characters is %s", (value, text) => {
  expect(shortNumber(value)).toBe(text);
});

test.each([
  [42, "42s"],
  [187, "3:07"],
  [3753, "1:02:33"],
  [187_800, "2d 04:10"],
  [Number.NaN, "?"],
])("%d seconds are %s", (seconds, text) => {
  expect(shortTime(seconds)).toBe(text);
});

test("bytes have a unit", () => {
  expect(shortBytes(0)).toBe("0 B");
  expect(shortBytes(1.234e9)).toBe("1.23 GB");
});
