import type { Collator, Row } from "@ettin/core";
import type { TokenTask } from "../batch.ts";

/** Rows with ids, or with texts, to a batch. The same rows at the same place of a run give the same batch. */
export type TokenCollator = Collator<Row, TokenTask>;
