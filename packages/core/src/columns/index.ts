export { type ColumnRoles, columnRoles, LABEL_COLUMNS } from "./column-rules.ts";
export type { Columns, Labels, PackedTexts } from "./columns.ts";
export { type ColumnsCollatorOptions, type ColumnTokenizer, columnsCollator } from "./columns-collator.ts";
export { encodeColumns, refuseEmptyTexts } from "./encode-columns.ts";
export { oneColumn } from "./one-column.ts";
export type { TextEncoder } from "./text-encoder.ts";
export { promptOf, type TrainingPrompts } from "./training-prompts.ts";
