import type { Device, DeviceName } from "../device.ts";
import { EngineError, expectDtype, expectFloat, expectOffsets, expectSameDevice, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Cosines and sines of the rotation: both `[positions, dim / 2]` float32. */
export interface RotaryTable {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/**
 * The frequencies of rotary position embeddings: `base^(−2j/dim)` for `j < dim / 2`, rounded to float32 at each step as
 * transformers does, so that far positions get its angles.
 *
 * @param dim the head size
 * @param base theta of the model's configuration
 */
export function rotaryFrequencies(dim: number, base: number): Float32Array {
  if (!(dim > 0 && dim % 2 === 0)) {
    throw new EngineError("rotaryTable", `dim is ${dim}`, "Rotation takes channels in pairs: use an even head size.");
  }
  return Float32Array.from({ length: dim / 2 }, (_, j) => 1 / Math.fround(base ** Math.fround((2 * j) / dim)));
}

/**
 * The table of rotary position embeddings: `angle[p,j] = p · frequency[j]`, rounded to float32.
 *
 * @param options `positions`: how many; `dim`: the head size; `base`: theta of the model's configuration, or
 *   `frequencies`: `[dim / 2]`, where they are scaled
 */
export function rotaryTable(options: {
  positions: number;
  dim: number;
  base?: number;
  frequencies?: Float32Array;
  device?: Device | DeviceName;
}): RotaryTable {
  const { positions, dim, base = 10000, device } = options;
  const frequencies = options.frequencies ?? rotaryFrequencies(dim, base);
  const half = dim / 2;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let p = 0; p < positions; p++) {
    for (let j = 0; j < half; j++) {
      const angle = Math.fround(p * frequencies[j]!);
      cos[p * half + j] = Math.cos(angle);
      sin[p * half + j] = Math.sin(angle);
    }
  }
  const on = { shape: [positions, half], ...(device && { device }) };
  return { cos: Tensor.from(cos, on), sin: Tensor.from(sin, on) };
}

export function expectRotaryTable(op: string, { cos, sin }: RotaryTable, dim: number): void {
  expectDtype(op, "cos", cos, "float32");
  expectDtype(op, "sin", sin, "float32");
  const [positions] = expectShape(op, "cos", cos, ["positions", dim / 2]);
  expectShape(op, "sin", sin, [positions, dim / 2]);
}

/**
 * Rotary position embedding: turns channel `j` and channel `j + dim/2` of each head by an angle that grows with the
 * token's position.
 *
 *     y[j] = x[j]·cos − x[j+dim/2]·sin,   y[j+dim/2] = x[j+dim/2]·cos + x[j]·sin,   j < dim/2
 *
 * @param x `[tokens, heads, dim]` float32 or bfloat16
 * @param table made by `rotaryTable`
 * @param offsets `[sequences + 1]` int32, where each sequence starts; the last is `tokens`
 * @param options `starts`: `[sequences]` int32, the position of each sequence's first row (behind a cache); else 0
 * @returns `[tokens, heads, dim]`
 * @see https://arxiv.org/abs/2104.09864
 */
export function rotary(
  x: Tensor,
  table: RotaryTable,
  offsets: Tensor,
  options: { starts?: Tensor | undefined } = {},
): Tensor {
  expectFloat("rotary", "x", x);
  const [tokens, heads, dim] = expectShape("rotary", "x", x, ["tokens", "heads", "dim"]);
  if (dim % 2 !== 0) {
    throw new EngineError(
      "rotary",
      `the head size is ${dim}`,
      "Rotation takes channels in pairs: use an even head size.",
    );
  }
  const { cos, sin } = table;
  expectRotaryTable("rotary", table, dim);
  expectSameDevice("rotary", { x, cos, sin, offsets, starts: options.starts });
  const sequences = expectOffsets("rotary", "offsets", offsets, tokens);
  const starts = options.starts ? contiguous(options.starts) : null;
  if (starts) {
    expectDtype("rotary", "starts", starts, "int32");
    expectShape("rotary", "starts", starts, [sequences]);
  }

  const strided = x.backend.capabilities.strided && x.strides[2] === 1;
  const y = Tensor.empty([tokens, heads, dim], x);
  x.backend.rotary(y, strided ? x : contiguous(x), cos, sin, offsets, starts, false);
  return record("rotary", y, { inputs: [x], saved: [cos, sin, offsets, starts] }, (dy, [cos, sin, offsets, starts]) => {
    const dx = Tensor.empty([tokens, heads, dim], dy);
    dy.backend.rotary(dx, dy, cos, sin, offsets, starts, true); // turned back
    return [dx];
  });
}
