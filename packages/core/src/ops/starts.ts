import { expectDtype, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Checks where pooling starts in each sequence, if anywhere but at its offset. */
export function expectStarts(op: string, starts: Tensor | undefined, sequences: number): Tensor | null {
  if (!starts) return null;
  expectDtype(op, "starts", starts, "int32");
  expectShape(op, "starts", starts, [sequences]);
  return contiguous(starts);
}
