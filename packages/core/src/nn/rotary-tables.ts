import type { Device } from "../device.ts";
import { type RotaryTable, rotaryTable } from "../ops/rotary.ts";
import { type RopeParameters, ropeFrequencies } from "./rope.ts";

/** Positions of the smallest table. */
const SMALLEST = 128;

/** A rotary table that grows with the longest text seen, by powers of two. Layers with one base share it. */
export class RotaryTables {
  private readonly dim: number;
  private readonly frequencies: Float32Array;
  private table: RotaryTable | null = null;

  constructor(rope: RopeParameters, dim: number) {
    this.dim = dim;
    this.frequencies = ropeFrequencies(rope, dim);
  }

  /** A table with at least `positions` rows. It belongs to this object; a later call may replace it. */
  upTo(positions: number, device: Device): RotaryTable {
    if (this.table && this.table.cos.shape[0]! >= positions && this.table.cos.device === device) return this.table;
    const rows = Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(positions)));
    const table = rotaryTable({ positions: rows, dim: this.dim, frequencies: this.frequencies, device });
    table.cos.adopt(undefined); // of no scope: it outlives the forward pass that asked first
    table.sin.adopt(undefined);
    this.dispose();
    this.table = table;
    return table;
  }

  dispose(): void {
    this.table?.cos.dispose();
    this.table?.sin.dispose();
    this.table = null;
  }
}
