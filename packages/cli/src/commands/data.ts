import type { Command } from "../command.ts";
import { dataChunk } from "./data-chunk.ts";
import { dataInspect } from "./data-inspect.ts";
import { dataMix } from "./data-mix.ts";
import { dataTokenize } from "./data-tokenize.ts";

/** From texts to the shards that pretraining reads, in this order. */
export const dataCommands: readonly Command[] = [dataTokenize, dataChunk, dataMix, dataInspect];
