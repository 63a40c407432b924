/** The public surface, by name. */
export type { Columns, Labels } from "@ettin/core";
