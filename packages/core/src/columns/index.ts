export type { Columns, Labels, PackedTexts } from "./columns.ts";
export { encodeColumns } from "./encode-columns.ts";
export type { TextEncoder } from "./text-encoder.ts";
