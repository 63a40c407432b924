// dropout: y = x / (1 - rate) where kept, else 0; an element is kept with probability 1 - rate.
//
// x [T,C] (further axes count as rows). The draw for a channel is a word of philox (philox.h) whose counter is
// (channel / 4, position, the sequence's number in the step, site) and whose key comes from (seed, step): the
// mask does not depend on how the batch was split, and backward is the same call on dy. With offsets, position
// counts from each sequence's start, and sequence b has number sequences[b], or first_sequence + b; without,
// all of x is the one sequence first_sequence. Some lanes of a warp have a row: they look for its sequence once.
#include "packed_offsets.h"
#include "philox.h"
#include "runs.h"
#include "strided.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int threads = 256;

struct Dropout {
  PhiloxKey key;
  uint32_t place, threshold;
  float scale;
};

// Rows [T] and the sequences that they are in.
struct Rows {
  int64_t count;
  Divisor per_token;
  const int32_t* offsets;    // [sequences + 1]; null: all are of the first sequence
  const int32_t* sequences;  // [sequences]; null: counted from the first
  int64_t tokens, first_sequence;
  int sequence_count;
  OffsetFaults bad;
};

struct RowPlace {
  uint32_t position, sequence;
};
__device__ __forceinline__ RowPlace row_place(const Rows& rows, int64_t row) {
  if (!rows.offsets) return {static_cast<uint32_t>(row), static_cast<uint32_t>(rows.first_sequence)};
  const int b = sequence_of(rows.offsets, rows.sequence_count, rows.per_token.quotient(row));
  const int64_t number = rows.sequences && b < rows.sequence_count ? rows.sequences[b] : rows.first_sequence + b;
  const int64_t position = row - rows.offsets[b] * rows.per_token.value;
  return {static_cast<uint32_t>(position), static_cast<uint32_t>(number)};
}

// N channels at a time, a multiple of 4; whole runs, or elements.
template <class T, int N, bool by_runs>
__global__ void __launch_bounds__(threads)
    dropout_kernel(T* y, const T* x, int64_t C, int row_lanes, Rows rows, Dropout drop) {
  if (rows.offsets && blockIdx.x == 0) check_offsets(rows.bad, rows.offsets, rows.sequence_count, rows.tokens);
  const int64_t row = thread_of_grid() / row_lanes;
  if (row >= rows.count) return;
  const RowPlace place = row_place(rows, row);
  x += row * C;
  y += row * C;
  for (int64_t c = int64_t{threadIdx.x} % row_lanes * N; c < C; c += int64_t{row_lanes} * N) {
    bool keep[N];
#pragma unroll
    for (int k = 0; k < N; k += 4) {
      const Draw draw =
          philox(static_cast<uint32_t>((c + k) / 4), place.position, place.sequence, drop.place, drop.key);
#pragma unroll
      for (int w = 0; w < 4; w++) keep[k + w] = kept(draw.word[w], drop.threshold);
    }
    if constexpr (by_runs) {
      const Run<T, N> run = load_run<N>(x + c);
      float result[N];
#pragma unroll
      for (int k = 0; k < N; k++) result[k] = keep[k] ? value_at(run, k) * drop.scale : 0.0f;
      store_run(y + c, result);
    } else {
#pragma unroll
      for (int k = 0; k < N; k++) {
        if (c + k < C) put(y[c + k], keep[k] ? to_float(x[c + k]) * drop.scale : 0.0f);
      }
    }
  }
}

}  // namespace

void dropout(Context& context, Out y, View x, Optional offsets, Optional sequences, int64_t first_sequence, double rate,
             int64_t seed, int64_t step, int64_t site) {
  if (rate <= 0) return copy(context, y, x);
  if (rate >= 1) return fill(context, y, 0);

  const int64_t C = last(x), T = rows(x);
  const bool packed = present(offsets);
  const int64_t tokens = packed ? x.shape[0] : 1, per_token = packed && tokens ? max<int64_t>(T / tokens, 1) : 1;
  const Rows all{T,
                 divisor(per_token),
                 packed ? as<int32_t>(offsets) : nullptr,
                 present(sequences) ? as<int32_t>(sequences) : nullptr,
                 tokens,
                 first_sequence,
                 packed ? static_cast<int>(size_of(offsets)) - 1 : 0,
                 ETTIN_OFFSET_FAULTS(context, "offsets")};
  const Dropout drop{philox_key(seed, step), philox_place(site), dropout_threshold(rate), keep_scale(rate)};

  by_float(y.dtype, [&]<class E>() {
    constexpr int N = run_size<E>;
    const auto go = [&]<int width, bool by_runs>() {
      int row_lanes = 1;
      while (row_lanes < warp && row_lanes * width < C) row_lanes *= 2;
      launch(context, dropout_kernel<E, width, by_runs>, blocks_for(max<int64_t>(T, packed) * row_lanes, threads),
             dim3(threads), 0, as<E>(y), as<E>(x), C, row_lanes, all, drop);
    };
    if (C % N == 0 && aligned_for_runs<N>(as<E>(x)) && aligned_for_runs<N>(as<E>(y))) {
      go.template operator()<N, true>();
    } else {
      go.template operator()<4, false>();
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
