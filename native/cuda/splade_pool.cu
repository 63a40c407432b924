// splade_pool: a sequence's weight for each word of the vocabulary, without the [T,V] matrix of scores.
//
//   scores[t,v] = x[t] · w[v] + bias[v]
//   y[b,v]      = f(max over t in b of relu(scores[t,v]))     f(s) = log(1 + s), or log(1 + log(1 + s)) if log_twice
//   rows[b,v]   = the first t that has the maximum; -1 where no score is positive, and for an empty sequence
//   dscores[b,v] = dy[b,v] f'(s)      dx[rows[b,v]] += dscores[b,v] w[v]      dw[v] += dscores[b,v] x[rows[b,v]]
//
//   x, dx [T,D]   w [V,D]   bias [V]   offsets [B+1]   y, dy [B,V] float32   rows [B,V] int32
//   dw [V,D], dbias [V] float32
//
// f grows, so the maximum is taken of the scores and f applied once. Forward goes by blocks of the vocabulary whose
// scores, in float32 so that the winner is not one of several that rounding made equal, fit `block_bytes`. Backward
// touches only the rows that won: for dw a warp takes a word and goes through the sequences, for dx a block takes a
// token and goes through its words, which splade_words.h has listed. A NaN score wins, so that it is seen.
#include "column_sum.h"
#include "gemm.h"
#include "splade_words.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t block_bytes = int64_t{192} << 20;
constexpr int warps = 8;
constexpr int word_step = Pack<float>::size * warp;  // of the vocabulary that a block pools

// s, of row t, in place of the best so far; rows come in ascending order.
__device__ __forceinline__ bool wins(float s, float best) { return best < s || (s != s && best == best); }

// One sequence, word_step columns of scores [T, stride]; each warp takes every eighth row.
__global__ void __launch_bounds__(warps* warp)
    pool(float* y, int32_t* rows, const float* scores, int64_t stride, int columns, int tiles, const int32_t* offsets,
         int B, int T, int64_t V, int64_t first_word, bool log_twice, OffsetFaults bad) {
  __shared__ float bests[warps][word_step];
  __shared__ int32_t winners[warps][word_step];
  const int lane = static_cast<int>(threadIdx.x) % warp, number = static_cast<int>(threadIdx.x) / warp;
  const int b = static_cast<int>(blockIdx.x / static_cast<unsigned>(tiles));
  const int first = static_cast<int>(blockIdx.x % static_cast<unsigned>(tiles)) * word_step, c = first + 4 * lane;
  if (blockIdx.x == 0 && first_word == 0) check_offsets(bad, offsets, B, T);
  const SequenceRows sequence = rows_of(offsets, B, T, b);
  float best[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  int row[4] = {-1, -1, -1, -1};
  if (c < columns) {
    const int end = sequence.begin + sequence.count;
#pragma unroll 4
    for (int t = sequence.begin + number; t < end; t += warps) {
      const Pack<float> s = load_pack(scores + t * stride + c);
#pragma unroll
      for (int k = 0; k < 4; k++) {
        const bool better = wins(s.item[k], best[k]);
        best[k] = better ? s.item[k] : best[k];
        row[k] = better ? t : row[k];
      }
    }
  }
#pragma unroll
  for (int k = 0; k < 4; k++) {
    bests[number][4 * lane + k] = best[k];
    winners[number][4 * lane + k] = row[k];
  }
  __syncthreads();
  const int mine = static_cast<int>(threadIdx.x);
  if (mine >= word_step || first + mine >= columns) return;
  float top = 0.0f;
  int winner = -1;
  for (int w = 0; w < warps; w++) {
    const float s = bests[w][mine];
    const int t = winners[w][mine];
    if (t < 0) continue;
    const bool equal = s == top || (s != s && top != top);
    if (wins(s, top) || (equal && t < winner)) {
      top = s;
      winner = t;
    }
  }
  const int64_t place = b * V + first_word + first + mine;
  top = log1pf(top);
  y[place] = log_twice ? log1pf(top) : top;
  rows[place] = winner;
}

// dscores from dy: y = log(1 + s) has the slope 1 / (1 + s) = exp(-y), and so has each of two logs.
__global__ void slopes(float* d, const float* dy, const float* y, const int32_t* rows, int64_t n, bool log_twice) {
  for (int64_t i = thread_of_grid(); i < n; i += threads_of_grid()) {
    const float yi = y[i];
    float f = expf(-yi);
    if (log_twice) f *= expf(1.0f - expf(yi));  // the inner log is exp(y) - 1
    d[i] = rows[i] < 0 ? 0.0f : f * dy[i];
  }
}

// dw: a warp has one word and 32 N channels, and adds the rows that it won in the order of the sequences.
template <class T, int N>
__global__ void __launch_bounds__(warps* warp)
    add_to_weight(float* dw, const float* d, const int32_t* rows, const T* x, int64_t B, int64_t T_rows, int64_t V,
                  int64_t D, bool accumulate) {
  __shared__ float scale[warps][warp + 1];
  __shared__ int32_t row[warps][warp + 1];
  const int lane = static_cast<int>(threadIdx.x) % warp, number = static_cast<int>(threadIdx.x) / warp;
  const int64_t first = int64_t{blockIdx.x} * warps, v = first + number;
  const int64_t c = (int64_t{blockIdx.y} * warp + lane) * N;
  float sum[N] = {};
  for (int64_t begin = 0; begin < B; begin += warp) {
    const int64_t b = begin + threadIdx.x / warps, word = first + threadIdx.x % warps;  // words lie side by side
    const bool there = b < B && word < V;
    __syncthreads();
    scale[threadIdx.x % warps][threadIdx.x / warps] = there ? d[b * V + word] : 0.0f;
    row[threadIdx.x % warps][threadIdx.x / warps] = there ? rows[b * V + word] : -1;
    __syncthreads();
    const float factor = scale[number][lane];
    const int won = row[number][lane];
    const bool counts = won >= 0 && won < T_rows;
    const unsigned all = __ballot_sync(all_lanes, counts);
    __syncwarp();
    if (counts) {  // those that count side by side
      const int place = __popc(all & ((1u << lane) - 1));
      scale[number][place] = factor;
      row[number][place] = won;
    }
    __syncwarp();
    const int count = __popc(all);
    if (c < D) {
#pragma unroll 4
      for (int i = 0; i < count; i++) {
        float xs[N];
        read_values(xs, x + row[number][i] * D + c);
#pragma unroll
        for (int k = 0; k < N; k++) sum[k] = fmaf(xs[k], scale[number][i], sum[k]);
      }
    }
  }
  if (v >= V || c >= D) return;
#pragma unroll
  for (int k = 0; k < N; k++) {
    float* out = dw + v * D + c + k;
    *out = accumulate ? *out + sum[k] : sum[k];
  }
}

// dx: a block has one token and 32 N channels; its warps share the token's words out, 32 at a time.
template <class T, class W, int N>
__global__ void __launch_bounds__(warps* warp)
    add_to_input(T* dx, const float* d, WordLists lists, const W* w, int64_t V, int64_t D) {
  __shared__ float sums[warps][warp * N];
  const int lane = static_cast<int>(threadIdx.x) % warp, number = static_cast<int>(threadIdx.x) / warp;
  const int64_t t = blockIdx.x, c = (int64_t{blockIdx.y} * warp + lane) * N;
  const WordList list = lists.of_row[t];
  const int32_t* words = lists.words + list.sequence * V;
  float sum[N] = {};
  for (int begin = list.begin + number * warp; begin < list.end; begin += warps * warp) {
    const int count = min(warp, list.end - begin);
    const int32_t mine = lane < count ? words[begin + lane] : 0;
    const float factor = lane < count ? d[list.sequence * V + mine] : 0.0f;
#pragma unroll 4
    for (int i = 0; i < count; i++) {
      const int64_t v = __shfl_sync(all_lanes, mine, i);
      const float scale = __shfl_sync(all_lanes, factor, i);
      if (c >= D) continue;
      float ws[N];
      read_values(ws, w + v * D + c);
#pragma unroll
      for (int k = 0; k < N; k++) sum[k] = fmaf(ws[k], scale, sum[k]);
    }
  }
#pragma unroll
  for (int k = 0; k < N; k++) sums[number][lane * N + k] = sum[k];
  __syncthreads();
  const int64_t column = int64_t{blockIdx.y} * warp * N + threadIdx.x;
  if (threadIdx.x >= warp * N || column >= D) return;
  float all = 0.0f;
#pragma unroll
  for (int i = 0; i < warps; i++) all += sums[i][threadIdx.x];
  store(dx + t * D + column, all);
}

// Calls body with how many neighbouring channels a lane takes.
template <class T, class Body>
void by_channels(const T* rows, int64_t D, const Body& body) {
  if (packs(rows, D)) {
    body.template operator()<Pack<T>::size>();
  } else {
    body.template operator()<1>();
  }
}

OffsetFaults offset_faults(Context& context) {
  return {
      fault(context, "offsets fall from %lld to %lld at sequence %lld. Sort them: each is where a sequence starts."),
      fault(context,
            "offsets go from %lld to %lld, but x has %lld rows. Pass the offsets of the batch that made x: 0 "
            "first, the number of rows last.")};
}

}  // namespace

void splade_pool_forward(Context& context, Out y, Out rows, View x, View w, Optional bias, View offsets,
                         bool log_twice) {
  const int64_t T = x.shape[0], D = x.shape[1], V = w.shape[0], B = size_of(offsets) - 1;
  const Matrix all = weight_in(context, w, x.dtype);
  const float* shift = as<float>(bias);
  if (present(bias) && bias.dtype != DType::float32) {
    auto* wide = static_cast<float*>(scratch(context, V * 4));
    cast(context, wide, DType::float32, bias.data, bias.dtype, V);
    shift = wide;
  }
  const int64_t fitting = block_bytes / 4 / max<int64_t>(T, 1) / word_step * word_step;
  const int64_t width = min(round_up(V, word_step), max(int64_t{word_step}, fitting));
  auto* scores = static_cast<float*>(scratch(context, T * width * 4));
  const OffsetFaults bad = offset_faults(context);
  for (int64_t v = 0; v < V; v += width) {
    const int64_t columns = min(width, V - v), tiles = ceil_div(columns, word_step);
    Matrix part = all;
    part.data = static_cast<char*>(all.data) + v * D * (all.dtype == DType::bfloat16 ? 2 : 4);
    part.rows = columns;
    multiply(context, {.y = {scores, DType::float32, T, columns, width},
                       .a = matrix_of(x),
                       .b = transposed(part),
                       .bias = shift ? shift + v : nullptr});
    launch(context, pool, dim3(static_cast<unsigned>(B * tiles)), dim3(warps * warp), 0, as<float>(y),
           as<int32_t>(rows), scores, width, static_cast<int>(columns), static_cast<int>(tiles), as<int32_t>(offsets),
           static_cast<int>(B), static_cast<int>(T), V, v, log_twice, bad);
  }
}

void splade_pool_backward(Context& context, OptionalOut dx, OptionalInOut dw, OptionalInOut dbias, View dy, View y,
                          View rows, View x, View w, View offsets, bool log_twice, bool accumulate_weight,
                          bool accumulate_bias) {
  const int64_t T = x.shape[0], D = x.shape[1], V = w.shape[0], B = y.shape[0];
  auto* d = static_cast<float*>(scratch(context, B * V * 4));
  launch(context, slopes, blocks_for(B * V, 256), dim3(256), 0, d, as<float>(dy), as<float>(y), as<int32_t>(rows),
         B * V, log_twice);
  if (present(dbias)) {
    sum_columns<float, 1>(context, as<float>(dbias), Elements<float>{d, V}, {1, B, V}, 1.0f, accumulate_bias);
  }
  if (present(dw)) {
    by_float(x.dtype, [&]<class X>() {
      by_channels(as<const X>(x), D, [&]<int N>() {
        const dim3 grid(static_cast<unsigned>(ceil_div(V, warps)), static_cast<unsigned>(ceil_div(D, warp * N)));
        launch(context, add_to_weight<X, N>, grid, dim3(warps * warp), 0, as<float>(dw), d, as<int32_t>(rows), as<X>(x),
               B, T, V, D, accumulate_weight);
      });
    });
  }
  if (!present(dx)) return;
  const WordLists lists = list_words(context, as<int32_t>(rows), as<int32_t>(offsets), B, T, V);
  const Matrix words = weight_in(context, w, x.dtype);
  by_float(x.dtype, [&]<class X>() {
    by_channels(static_cast<const X*>(words.data), D, [&]<int N>() {
      const dim3 grid(static_cast<unsigned>(T), static_cast<unsigned>(ceil_div(D, warp * N)));
      launch(context, add_to_input<X, X, N>, grid, dim3(warps * warp), 0, as<X>(dx), d, lists,
             static_cast<const X*>(words.data), V, D);
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
