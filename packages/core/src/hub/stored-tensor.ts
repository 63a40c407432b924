/** Bits of one element, in the order in which safetensors ranks its element types: the writer puts high ranks first. */
export const STORED_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** An element type of a safetensors file. */
export type StoredDType = keyof typeof STORED_BITS;

/** Where a tensor lies in a safetensors file. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Path of the file. */
  readonly file: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** A name from a file, for messages: quoted, control characters escaped, at most 100 characters. */
export const quoted = (name: string): string => JSON.stringify(name.length > 100 ? `${name.slice(0, 99)}…` : name);
