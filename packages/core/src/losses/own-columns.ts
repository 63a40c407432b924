import { arange } from "../ops/arange.ts";
import { equal } from "../ops/equal.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Where a column of scores belongs to the row itself: 1 there, else 0.
 *
 * @param rows how many rows, of which the first is query `first`
 * @param owner for each column the query that it belongs to, or −1 for none
 * @returns `[rows, columns]` int32
 */
export function ownColumns(rows: number, first: number, owner: Int32Array, like: Tensor): Tensor {
  const { device } = like;
  const numbers = arange(first, first + rows, { device }).reshape([rows, 1]);
  return equal(numbers, Tensor.from(owner, { shape: [1, owner.length], device }));
}

/** Owners of the columns of `documents` document columns: document `j` of each belongs to query `j`. */
export function documentOwners(
  queries: number,
  documents: number,
  counts: (column: number) => boolean = () => true,
): Int32Array {
  return Int32Array.from({ length: queries * documents }, (_, j) =>
    counts(Math.floor(j / queries)) ? j % queries : -1,
  );
}
