export type { Columns, Labels, PackedTexts } from "./columns.ts";
export { encodeColumns, refuseEmptyTexts } from "./encode-columns.ts";
export { oneColumn } from "./one-column.ts";
export type { TextEncoder } from "./text-encoder.ts";
