export { type ColumnRoles, columnRoles, LABEL_COLUMNS } from "./column-rules.ts";
export type { Columns, Labels, PackedTexts } from "./columns.ts";
export { type ColumnsCollatorOptions, type ColumnTokenizer, columnsCollator } from "./columns-collator.ts";
export { encodeColumns } from "./encode-columns.ts";
export type { TextEncoder } from "./text-encoder.ts";
export { promptOf, type TrainingPrompts } from "./training-prompts.ts";
