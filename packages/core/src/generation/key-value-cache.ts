import type { Device } from "../device.ts";
import { EngineError } from "../errors.ts";
import type { AttentionCache, CachedAttentionOptions } from "../nn/attention-cache.ts";
import { Tensor } from "../tensor/tensor.ts";
import { LayerCache, type NewTokens } from "./layer-cache.ts";

export interface KeyValueCacheOptions {
  /** How many sequences there are. */
  sequences: number;
  /**
   * Tokens that the longest sequence will have. Layers without a window take memory for that many at once; without it
   * theirs doubles whenever it is full.
   */
  capacity?: number;
}

/**
 * The keys and values of the tokens seen so far, for all layers of a decoder and a batch of sequences of any lengths. A
 * layer with a window keeps only its window. Pass it to a decoder's `forward` with the tokens that are new; dispose it
 * at the end.
 */
export class KeyValueCache implements AttentionCache {
  private readonly capacity: number;
  private readonly layers = new Map<number, LayerCache>();
  /** Tokens of each sequence so far. */
  private counts: Int32Array;
  /** Each sequence's place in the layers' storages, ascending: a sequence that leaves moves no other. */
  private slots: Int32Array;
  /** How many places the storages have. */
  private places: number;
  private onDevice: { device: Device; slots: Tensor; lengths: Tensor; stale: boolean } | null = null;
  private incoming: NewTokens | null = null;

  constructor({ sequences, capacity = 0 }: KeyValueCacheOptions) {
    for (const [name, value] of Object.entries({ sequences, capacity })) {
      if (!Number.isSafeInteger(value) || value < 0) {
        throw new EngineError("KeyValueCache", `${name} is ${value}`, "Give a whole number.");
      }
    }
    this.capacity = capacity;
    this.counts = new Int32Array(sequences);
    this.slots = Int32Array.from({ length: sequences }, (_, b) => b);
    this.places = sequences;
  }

  get sequences(): number {
    return this.counts.length;
  }

  /** Tokens of each sequence so far, whether or not a window still holds them. */
  get lengths(): readonly number[] {
    return Array.from(this.counts);
  }

  get longest(): number {
    let longest = 0;
    for (const count of this.counts) longest = Math.max(longest, count);
    return longest;
  }

  /** Tokens that the longest sequence may have before some layer takes other memory; 0 before a single token was added. */
  get room(): number {
    let room = this.layers.size > 0 ? Number.POSITIVE_INFINITY : 0;
    for (const layer of this.layers.values()) room = Math.min(room, layer.room);
    return room;
  }

  /** Memory of keys and values, in bytes. */
  get bytes(): number {
    let bytes = 0;
    for (const layer of this.layers.values()) bytes += layer.bytes;
    return bytes;
  }

  attend(layer: number, qkv: Tensor, options: CachedAttentionOptions): Tensor {
    let own = this.layers.get(layer);
    if (!own) {
      own = new LayerCache(qkv, options, this.places, this.capacity);
      this.layers.set(layer, own);
    }
    return own.attend(qkv, options, this.newTokens(options.offsets, qkv.device));
  }

  /** What all layers of this forward pass share. */
  private newTokens(offsets: Tensor, device: Device): NewTokens {
    if (this.incoming?.offsets === offsets) return this.incoming;
    const starts = offsets.hostValues();
    if (!starts || starts.length !== this.sequences + 1) {
      const has = starts ? `are of ${starts.length - 1} sequences` : "are not known without waiting";
      throw new EngineError(
        "KeyValueCache",
        `the offsets ${has}, and the cache has ${this.sequences}`,
        "Pass the offsets of the cache's sequences, made by Tensor.from. After some have left, call select first.",
      );
    }
    let [most, longest] = [0, 0];
    for (let b = 0; b < this.sequences; b++) {
      const count = starts[b + 1]! - starts[b]!;
      most = Math.max(most, count);
      longest = Math.max(longest, this.counts[b]! + count);
    }
    if (this.onDevice?.device !== device) this.forget();
    this.onDevice ??= {
      device,
      slots: keep(Tensor.from(this.slots, { device })),
      lengths: keep(Tensor.from(this.counts, { device })),
      stale: false,
    };
    this.refresh();
    const { slots, lengths } = this.onDevice;
    const empty = this.longest === 0;
    this.incoming = { offsets, starts, slots, lengths, counts: this.counts, places: this.slots, most, longest, empty };
    return this.incoming;
  }

  advance(offsets: Int32Array): void {
    if (offsets.length !== this.sequences + 1) {
      throw new EngineError(
        "KeyValueCache",
        `offsets of ${offsets.length - 1} sequences for the cache's ${this.sequences}`,
        "Pass the offsets of the forward pass that ends.",
      );
    }
    this.counts = this.counts.map((count, b) => count + offsets[b + 1]! - offsets[b]!);
    this.incoming = null;
    if (this.onDevice) this.onDevice.stale = true;
  }

  /** Brings the device's lengths up to date, in the memory that kernels of an earlier pass have read them from. */
  refresh(): void {
    if (!this.onDevice?.stale) return;
    this.onDevice.lengths.setValues(this.counts);
    this.onDevice.stale = false;
  }

  /**
   * Makes sequence `chosen[i]` the new sequence `i`. Sequences that only leave cost nothing; where one is taken twice
   * or the order changes, all are copied.
   */
  select(chosen: readonly number[]): void {
    for (const b of chosen) {
      if (!Number.isSafeInteger(b) || b < 0 || b >= this.sequences) {
        throw new EngineError(
          "KeyValueCache.select",
          `sequence ${b} of ${this.sequences} was chosen`,
          "Choose from the cache's sequences, counted from 0.",
        );
      }
    }
    const places = Int32Array.from(chosen, (b) => this.slots[b]!);
    this.counts = Int32Array.from(chosen, (b) => this.counts[b]!);
    this.forget();
    if (places.every((place, i) => i === 0 || place > places[i - 1]!)) {
      this.slots = places;
      return;
    }
    for (const layer of this.layers.values()) layer.copyPlaces(places);
    this.slots = places.map((_, i) => i);
    this.places = places.length;
  }

  private forget(): void {
    this.onDevice?.slots.dispose();
    this.onDevice?.lengths.dispose();
    this.onDevice = null;
    this.incoming = null;
  }

  /** Gives the memory back. */
  dispose(): void {
    this.forget();
    for (const layer of this.layers.values()) layer.dispose();
    this.layers.clear();
  }
}

/** A handle that no scope disposes; one that is forgotten is collected. */
export function keep(tensor: Tensor): Tensor {
  tensor.adopt(undefined);
  return tensor;
}
