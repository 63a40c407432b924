import type { DocumentEncoder, MiningEncoder, TextEmbedder } from "@ettin/core";
import type { SentenceTransformer } from "@ettin/dense";
import { expectTypeOf, test } from "vitest";

test("a dense model mines, and has a fingerprint", () => {
  expectTypeOf<SentenceTransformer>().toExtend<MiningEncoder>();
  expectTypeOf<SentenceTransformer>().toExtend<TextEmbedder>();
  expectTypeOf<SentenceTransformer>().toExtend<DocumentEncoder>();
});
