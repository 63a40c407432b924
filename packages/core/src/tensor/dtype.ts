/** The element types of tensors. */
export type DType = "float32" | "bfloat16" | "int32";

export const DTYPES: readonly DType[] = ["float32", "bfloat16", "int32"];

/** Those of memory that a kernel may see: a corpus also holds int8, and bits in uint8. Only its search reads these. */
export type ElementType = DType | "int8" | "uint8";

/** The numbers by which native code knows them (native/view.h). */
export const DTYPE_CODES: Readonly<Record<ElementType, number>> = {
  float32: 0,
  bfloat16: 1,
  int32: 2,
  int8: 3,
  uint8: 4,
};

export const DTYPE_BYTES: Readonly<Record<ElementType, number>> = {
  float32: 4,
  bfloat16: 2,
  int32: 4,
  int8: 1,
  uint8: 1,
};

export const isFloat = (dtype: DType): boolean => dtype === "float32" || dtype === "bfloat16";

const word = new Uint32Array(1);
const real = new Float32Array(word.buffer);

/** The upper half of a float32, rounded to nearest, ties to even; a NaN stays a NaN. */
export function toBfloat16(x: number): number {
  real[0] = x;
  const u = word[0]!;
  if ((u & 0x7fffffff) > 0x7f800000) return (u >>> 16) | 0x40;
  return ((u + 0x7fff + ((u >>> 16) & 1)) >>> 16) & 0xffff;
}

export function fromBfloat16(bits: number): number {
  word[0] = bits << 16;
  return real[0]!;
}
