// For each row of x the words of the vocabulary that it won, in ascending order: rows [B,V] turned round. One warp
// takes a sequence and goes through its words twice, 32 at a time: it counts those of each row, and puts them where the
// counts before say. Lanes that have the same row find each other by a vote, so the order is the words' own.
#pragma once

#include <cuda_runtime.h>

#include "packed_offsets.h"

namespace ettin::ETTIN_LEVEL {

struct WordList {  // words[begin] … words[end - 1] of the sequence
  int64_t sequence;
  int32_t begin, end;
};
struct WordLists {
  WordList* of_row;  // [T]
  int32_t* words;    // [B,V]
};

constexpr int counted_rows = 8192;  // of a sequence in shared memory; of longer ones the counts are elsewhere

static __global__ void __launch_bounds__(warp) list_sequence(WordLists lists, int32_t* all_counts, const int32_t* rows,
                                                             const int32_t* offsets, int B, int T, int64_t V) {
  const int lane = static_cast<int>(threadIdx.x), b = static_cast<int>(blockIdx.x);
  const SequenceRows sequence = rows_of(offsets, B, T, b);
  int32_t* count = sequence.count <= counted_rows ? shared_memory<int32_t>() : all_counts + sequence.begin;
  rows += b * V;
  int32_t* words = lists.words + b * V;
  for (int r = lane; r < sequence.count; r += warp) count[r] = 0;
  __syncwarp();

  // The word's row within the sequence; -1 where none won.
  const auto row_of = [&](int64_t v) {
    const int r = v < V ? rows[v] - sequence.begin : -1;
    return r < sequence.count ? r : -1;
  };
  constexpr int ahead = 4;  // reads under way
  const auto each = [&](const auto& take) {
    for (int64_t v = 0; v < V; v += ahead * warp) {
      int row[ahead];
#pragma unroll
      for (int i = 0; i < ahead; i++) row[i] = row_of(v + i * warp + lane);
#pragma unroll
      for (int i = 0; i < ahead; i++) {
        const bool counts = row[i] >= 0;
        if (!__any_sync(all_lanes, counts)) continue;
        const unsigned same = __match_any_sync(all_lanes, counts ? row[i] : -1);
        take(counts, row[i], __popc(same & ((1u << lane) - 1)), __popc(same), v + i * warp + lane);
      }
    }
  };
  each([&](bool counts, int row, int rank, int total, int64_t) {
    if (counts && rank == 0) count[row] += total;
    __syncwarp();
  });

  int before = 0;
  for (int r = 0; r < sequence.count; r += warp) {
    const int mine = r + lane < sequence.count ? count[r + lane] : 0;
    int up_to = mine;
#pragma unroll
    for (int distance = 1; distance < warp; distance *= 2) {
      const int lower = __shfl_up_sync(all_lanes, up_to, static_cast<unsigned>(distance));
      if (lane >= distance) up_to += lower;
    }
    if (r + lane < sequence.count) {
      const int begin = before + up_to - mine;
      count[r + lane] = begin;
      lists.of_row[sequence.begin + r + lane] = {b, begin, begin + mine};
    }
    before += __shfl_sync(all_lanes, up_to, warp - 1);
  }
  __syncwarp();

  each([&](bool counts, int row, int rank, int total, int64_t v) {
    const int begin = counts ? count[row] : 0;
    __syncwarp();
    if (counts) words[begin + rank] = static_cast<int32_t>(v);
    if (counts && rank == 0) count[row] = begin + total;
    __syncwarp();
  });
}

inline WordLists list_words(Context& context, const int32_t* rows, const int32_t* offsets, int64_t B, int64_t T,
                            int64_t V) {
  const int64_t bytes = T * static_cast<int64_t>(sizeof(WordList));
  const WordLists lists{static_cast<WordList*>(scratch(context, bytes)),
                        static_cast<int32_t*>(scratch(context, B * V * 4))};
  auto* counts = static_cast<int32_t*>(scratch(context, T * 4));
  // Rows of no sequence have an empty list.
  check(cudaMemsetAsync(lists.of_row, 0, static_cast<size_t>(bytes), stream_of(context)), "zeros");
  launch(context, list_sequence, dim3(static_cast<unsigned>(B)), dim3(warp), min<int64_t>(T, counted_rows) * 4, lists,
         counts, rows, offsets, static_cast<int>(B), static_cast<int>(T), V);
  return lists;
}

}  // namespace ettin::ETTIN_LEVEL
