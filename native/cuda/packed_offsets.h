// Offsets on the device: their checks, because they come from users, and the sequence that a row or a tile of rows is
// in. The host knows how many rows and sequences there are, never how long one is. Rows behind the last offset belong
// to no sequence; they are numbered here as the sequence after the last.
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

// What may be wrong with offsets, with their name in the text.
struct OffsetFaults {
  Fault falls, ends;
};
#define ETTIN_OFFSET_FAULTS(context, name)                                                                        \
  OffsetFaults {                                                                                                  \
    fault(context, name                                                                                           \
          " fall from %lld to %lld at sequence %lld. Give each sequence's first row, ascending, and last the"     \
          " number of rows."),                                                                                    \
        fault(context,                                                                                            \
              name " go from %lld to %lld, but there are %lld rows. Start at 0 and end with the number of rows.") \
  }

inline Fault position_fault(Context& context) {
  return fault(context,
               "sequence %lld stands at positions %lld to %lld, but the rotary table has %lld. Make a longer table, or "
               "cut the sequence.");
}

// For all threads of one block. Raises what is wrong first.
__device__ __forceinline__ void check_offsets(const OffsetFaults& bad, const int32_t* offsets, int sequences,
                                              int64_t rows) {
  bool wrong = offsets[0] != 0 || offsets[sequences] > rows;
  for (int b = static_cast<int>(threadIdx.x); b < sequences; b += static_cast<int>(blockDim.x)) {
    wrong = wrong || offsets[b] > offsets[b + 1];
  }
  if (!__syncthreads_or(wrong) || threadIdx.x != 0) return;
  for (int b = 0; b < sequences; b++) {
    if (offsets[b] > offsets[b + 1]) return bad.falls.raise(offsets[b], offsets[b + 1], b);
  }
  bad.ends.raise(offsets[0], offsets[sequences], rows);
}

// The same for places in a table of `positions` rows: sequence b stands at starts[b] (else 0) on.
__device__ __forceinline__ void check_positions(const Fault& bad, const int32_t* offsets, int sequences,
                                                const int32_t* starts, int64_t positions) {
  const auto wrong = [&](int b) {
    const int64_t start = starts ? starts[b] : 0, end = start + offsets[b + 1] - offsets[b];
    return offsets[b] < offsets[b + 1] && (start < 0 || end > positions);
  };
  bool any = false;
  for (int b = static_cast<int>(threadIdx.x); b < sequences; b += static_cast<int>(blockDim.x)) any = any || wrong(b);
  if (!__syncthreads_or(any) || threadIdx.x != 0) return;
  for (int b = 0; b < sequences; b++) {
    if (!wrong(b)) continue;
    const int64_t start = starts ? starts[b] : 0;
    return bad.raise(b, start, start + offsets[b + 1] - offsets[b] - 1, positions);
  }
}

// The rows of sequence b, inside [0, total) whatever the offsets say.
struct SequenceRows {
  int begin, count;
};
__device__ __forceinline__ SequenceRows rows_of(const int32_t* offsets, int sequences, int total, int b) {
  const int begin = min(max(offsets[b], 0), total);
  const int end = b < sequences ? min(max(offsets[b + 1], begin), total) : total;
  return {begin, end - begin};
}

// The last sequence that starts at row t or before it.
__device__ __forceinline__ int sequence_of(const int32_t* offsets, int sequences, int64_t t) {
  int low = 0, high = sequences + 1;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (offsets[middle] <= t) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

// Tiles of `size` rows that do not cross sequences. Sequence b's start at number offsets[b] / size + b: there is room
// for all of them, whatever the lengths, and the numbers that are left over have no rows.
inline int64_t tile_numbers(int64_t rows, int64_t sequences, int64_t size) { return rows / size + sequences + 1; }
struct TilePlace {
  int sequence;
  SequenceRows rows;  // of the sequence
  int first;          // row of the sequence where the tile starts
  __device__ __forceinline__ bool empty() const { return first >= rows.count; }
};
// For whole warps: their lanes look at 32 sequences at once.
__device__ __forceinline__ TilePlace tile_place(const int32_t* offsets, int sequences, int total, int size,
                                                int number) {
  const int lane = static_cast<int>(threadIdx.x) % warp;
  int low = 0, high = sequences + 1;  // sequence low starts at this number or before it, sequence high behind it
  while (high - low > 1) {
    const int step = (high - low + warp - 1) / warp, b = low + lane * step;
    const bool before = b < high && offsets[b] / size + b <= number;
    const int count = __popc(__ballot_sync(all_lanes, before));
    low = min(low + max(count - 1, 0) * step, high - 1);
    high = min(high, low + step);
  }
  const int tile = max(number - (offsets[low] / size + low), 0);
  return {low, rows_of(offsets, sequences, total, low), tile * size};
}

}  // namespace ettin::ETTIN_LEVEL
