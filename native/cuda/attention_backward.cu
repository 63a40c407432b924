// attention, backward: two kernels of one text, each computing the probabilities anew, so that every sum is one warp's
// own and no order is left to chance.
//
//   p[i,j]  = exp(scale * q[i]·k[j] - lse[i])      delta[i] = sum_d dy[i,d] * y[i,d]
//   dv[j]   = sum_i p[i,j] * dy[i]                 ds[i,j]  = p[i,j] * (dy[i]·v[j] - delta[i])
//   dk[j]   = scale * sum_i ds[i,j] * q[i]         dq[i]    = scale * sum_j ds[i,j] * k[j]
//
// By query, a block holds q and dy of 16 or 32 queries per warp and goes through the keys and values that they see; by
// key it holds k and v and goes through q and dy of all query heads that read them, with scores transposed.
#include "attention_products.h"
#include "turn_rows.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Gradients {
  HeadRows y, dy;
  const float* lse;  // [heads, queries]
  float* delta;      // [heads, queries]: written by query, read by key
  HeadRows dq, dk, dv;
};

// delta of a warp's rows, `row` of y and dy the first of them: two lanes a row. To memory, and to the lanes that hold
// scores of a row.
template <class Real>
__device__ __forceinline__ void row_deltas(float (&delta)[2], float* to, const Gradients& of, int64_t row, int head,
                                           int count, int dim) {
  const int lane = static_cast<int>(threadIdx.x) % warp, r = lane / 2;
  float sum = 0.0f;
  if (r < count) {
    const Real* a = head_at<Real>(of.y, row + r, head);
    const Real* b = head_at<Real>(of.dy, row + r, head);
#pragma unroll 4
    for (int d = lane % 2 * Pack<Real>::size; d < dim; d += 2 * Pack<Real>::size) {
      const Pack<Real> x = load_pack(a + d), z = load_pack(b + d);
#pragma unroll
      for (int e = 0; e < Pack<Real>::size; e++) sum = fmaf(to_float(x.item[e]), to_float(z.item[e]), sum);
    }
  }
  sum += __shfl_xor_sync(all_lanes, sum, 1);
  if (r < count && lane % 2 == 0) to[r] = sum;
  delta[0] = __shfl_sync(all_lanes, sum, lane / 4 * 2);
  delta[1] = __shfl_sync(all_lanes, sum, lane / 4 * 2 + 16);
}

template <class Tiles, int warps, bool by_key>
constexpr int64_t backward_shared() {
  const int64_t cells = (2 * warp_rows * Tiles::row_tiles * warps + 2 * Tiles::stages * Tiles::columns) * Tiles::stride;
  const int64_t statistics = by_key ? 2 * Tiles::stages * Tiles::columns : 0;
  return cells * static_cast<int64_t>(sizeof(typename Tiles::Cell)) + (statistics + warps * Tiles::buffer) * 4;
}

template <class Tiles, int warps, bool by_key, bool drops>
__global__ void __launch_bounds__(warps* warp, Tiles::stages == 1                          ? 1
                                               : Tiles::width > 64 || Tiles::row_tiles > 1 ? 2
                                                                                           : 3)
    attention_backward_kernel(Attention a, Gradients to) {
  using Real = typename Tiles::Real;
  using Cell = typename Tiles::Cell;
  constexpr int W = Tiles::width, N = Tiles::columns, M = Tiles::row_tiles, threads = warps * warp;
  constexpr int own_rows = warp_rows * M, rows_of_block = own_rows * warps;
  constexpr int tile_cells = N * Tiles::stride, held_cells = rows_of_block * Tiles::stride;
  constexpr int step = N < 32 || M > 1 ? 16 : 32, strips = step / 16;  // columns that a warp takes at a time
  Cell* const held_tiles = shared_memory<Cell>();                      // by query: q, dy; by key: k, v
  Cell* const tiles = held_tiles + 2 * held_cells;                     // per stage, the other two
  auto* const statistics = reinterpret_cast<float*>(tiles + 2 * Tiles::stages * tile_cells);  // by key: lse, delta
  float* const buffers = statistics + (by_key ? 2 * Tiles::stages * N : 0);

  if (!by_key && blockIdx.x == 0 && blockIdx.y == 0) {
    check_offsets(a.query_faults, a.query_offsets, a.sequences, a.queries);
    check_offsets(a.key_faults, a.key_offsets, a.sequences, a.keys);
  }
  // Without a window later queries see more keys, and the longest work should start first.
  const bool last_first = !by_key && a.right == 0 && a.left >= a.keys;
  const unsigned number = last_first ? gridDim.x - 1 - blockIdx.x : blockIdx.x;
  const TilePlace place = tile_place(by_key ? a.key_offsets : a.query_offsets, a.sequences, by_key ? a.keys : a.queries,
                                     rows_of_block, static_cast<int>(number));
  if (place.empty()) return;
  const int b = place.sequence, group = a.heads / a.kv_heads;
  const SequenceRows other_rows =
      b < a.sequences ? rows_of(by_key ? a.query_offsets : a.key_offsets, a.sequences, by_key ? a.queries : a.keys, b)
                      : SequenceRows{0, 0};
  const Band band =
      by_key ? band_of(a, other_rows.count, place.rows.count) : band_of(a, place.rows.count, other_rows.count);
  const int first = place.first, count = min(rows_of_block, place.rows.count - first);

  const int thread = static_cast<int>(threadIdx.x), lane = thread % warp;
  const int team = __shfl_sync(all_lanes, thread / warp, 0);  // known to be one for the warp
  const int g = lane / 4, t = lane % 4;
  const int own = first + own_rows * team, own_count = min(own_rows, first + count - own);  // the warp's rows
  float* const buffer = buffers + team * Tiles::buffer;
  const auto others_of = [&](int row, int n) {
    return by_key ? queries_seeing(band, row, n) : keys_seen(band, row, n);
  };
  const Range others = others_of(first, count);
  const Range own_others = own_count > 0 ? others_of(own, own_count) : Range{0, 0};

  const int kv_head = static_cast<int>(by_key ? blockIdx.y : blockIdx.y / static_cast<unsigned>(group));
  int head = by_key ? kv_head * group : static_cast<int>(blockIdx.y);
  const auto load = [&](int column, int of_head, int stage) {
    Cell* const tile = tiles + stage * 2 * tile_cells;
    const int64_t row = other_rows.begin + column;
    const int left = other_rows.count - column;
    if (by_key) {
      Tiles::template load<N, threads>(tile, head_at<Real>(a.q, row, of_head), a.q.row, left, a.dim);
      Tiles::template load<N, threads>(tile + tile_cells, head_at<Real>(to.dy, row, of_head), to.dy.row, left, a.dim);
      for (int i = thread; i < 2 * N; i += threads) {
        const float* from = (i < N ? to.lse : to.delta) + int64_t{of_head} * a.queries;
        copy_word_async(statistics + stage * 2 * N + i, from + row + i % N, i % N < left);
      }
    } else {
      Tiles::template load<N, threads>(tile, head_at<Real>(a.k, row, kv_head), a.k.row, left, a.dim);
      Tiles::template load<N, threads>(tile + tile_cells, head_at<Real>(a.v, row, kv_head), a.v.row, left, a.dim);
    }
  };

  const bool any = others.begin < others.end;
  const int start = others.begin / N * N;
  if (any) {
    const int64_t held_row = place.rows.begin + first;
    const HeadRows &held0_rows = by_key ? a.k : a.q, &held1_rows = by_key ? a.v : to.dy;
    const int held_head = by_key ? kv_head : head;
    Tiles::template load<rows_of_block, threads>(held_tiles, head_at<Real>(held0_rows, held_row, held_head),
                                                 held0_rows.row, count, a.dim);
    Tiles::template load<rows_of_block, threads>(
        held_tiles + held_cells, head_at<Real>(held1_rows, held_row, held_head), held1_rows.row, count, a.dim);
    if (Tiles::stages == 2) load(start, head, 0);
    copy_commit();
  }
  float row_delta[M][2] = {}, row_lse[M][2] = {};  // while the tiles are on their way
  if (!by_key) {
#pragma unroll
    for (int m = 0; m < M; m++) {
      const int left = own_count - warp_rows * m;
      const int64_t row = place.rows.begin + own + warp_rows * m, at = int64_t{head} * a.queries + row;
#pragma unroll
      for (int half = 0; half < 2; half++) {
        row_lse[m][half] = g + 8 * half < left ? to.lse[at + g + 8 * half] * log2_e : 0.0f;
      }
      row_deltas<Real>(row_delta[m], to.delta + at, to, row, head, left, a.dim);
    }
  }
  float dk[M][W / 8][4] = {};  // by query: dq
  float dv[M][by_key ? W / 8 : 1][4] = {};
  if (any) {
    copy_wait<0>();
    __syncthreads();
    const typename Tiles::Held held0 = Tiles::hold(held_tiles + own_rows * team * Tiles::stride);
    const typename Tiles::Held held1 = Tiles::hold(held_tiles + held_cells + own_rows * team * Tiles::stride);

    int column = start, stage = 0;
    const int last_head = by_key ? head + group - 1 : head;
    while (head <= last_head) {
      const int next_column = column + N < others.end ? column + N : start;
      const int next_head = column + N < others.end ? head : head + 1;
      if (Tiles::stages == 2) {
        copy_wait<0>();
        __syncthreads();  // the tiles are there, and nobody reads those before
        if (next_head <= last_head) load(next_column, next_head, stage ^ 1);
        copy_commit();
      } else {
        __syncthreads();
        load(column, head, 0);
        copy_commit();
        copy_wait<0>();
        __syncthreads();
      }
      const Cell* const tile0 = tiles + stage * 2 * tile_cells;
      const Cell* const tile1 = tile0 + tile_cells;
      const float* const of_columns = statistics + stage * 2 * N;

      const int from = max(own_others.begin - column, 0), end = min(own_others.end - column, N);
      HeadDropout dropout = {};
      uint32_t tile_bits[M] = {};
      if (drops && from < end) {
        dropout = head_dropout(a, b, head);
#pragma unroll
        for (int m = 0; m < M; m++) {
          if (!by_key) tile_bits[m] = bits_of_tile(dropout, own + warp_rows * m + band.shift, column);
        }
      }
#pragma unroll 1
      for (int c = from / step * step; c < end; c += step) {
        const int low = max(from - c, 0) / 16, high = (min(end - c, step) + 15) / 16;
        float s[M][2 * strips][4], ds[M][2 * strips][4];
        Tiles::template scores<strips>(s, held0, tile0, c, low, high, a.dim);
        Tiles::template scores<strips>(ds, held1, tile1, c, low, high, a.dim);

        const int at = column + c;
        const bool whole = by_key ? band.first_key(at + step - 1) <= own && band.end_key(at) >= own + own_rows &&
                                        at + step <= band.queries
                                  : band.first_key(own + own_rows - 1) <= at && band.end_key(own) >= at + step;
        uint32_t bits[M];
#pragma unroll
        for (int m = 0; m < M; m++) {
          bits[m] = tile_bits[m];
          if (drops && by_key) bits[m] = bits_of_queries<step>(dropout, at + band.shift, own + warp_rows * m);
        }
#pragma unroll
        for (int n = 0; n < 2 * strips; n++) {
          float2 lse = {}, delta = {};
          if (by_key) {
            lse = *reinterpret_cast<const float2*>(of_columns + c + 8 * n + 2 * t);
            delta = *reinterpret_cast<const float2*>(of_columns + N + c + 8 * n + 2 * t);
            lse = {lse.x * log2_e, lse.y * log2_e};
          }
#pragma unroll
          for (int k = 0; k < 4 * M; k++) {
            const int m = k / 4, e = k % 4;
            const float shift = by_key ? (e % 2 == 0 ? lse.x : lse.y) : row_lse[m][e / 2];
            const float mean = by_key ? (e % 2 == 0 ? delta.x : delta.y) : row_delta[m][e / 2];
            float p = power_of_two(fmaf(s[m][n][e], a.base, -shift));
            float kept_p = p, d = ds[m][n][e];
            if (drops) {
              const bool stays = by_key ? bits[m] >> (4 * n + e) & 1u : stays_in_tile(bits[m], column, c / 8 + n, e);
              const float factor = stays ? a.dropout.keep : 0.0f;
              kept_p = p * factor;
              d *= factor;
            }
            d = p * (d - mean);
            if (!whole) {
              const int row = own + warp_rows * m + g + e / 2 * 8, other = at + 8 * n + 2 * t + e % 2;
              const int i = by_key ? other : row, j = by_key ? row : other;
              const int begin = band.first_key(i), seen_end = band.end_key(i);
              const bool seen = j >= begin && j < seen_end && i < band.queries;
              kept_p = seen ? kept_p : 0.0f;
              d = seen && seen_end - begin > 1 ? d : 0.0f;  // the softmax of one score is constant
            }
            s[m][n][e] = kept_p;
            ds[m][n][e] = d;
          }
        }
        if constexpr (by_key) Tiles::template weigh<strips>(dv, s, tile1, c, low, high, buffer);
        Tiles::template weigh<strips>(dk, ds, tile0, c, low, high, buffer);
      }
      stage = Tiles::stages == 2 ? stage ^ 1 : 0;
      column = next_column;
      head = next_head;
    }
    copy_wait<0>();
  }

  __syncthreads();  // the tiles' memory is now the warps' stages
  float* const stage_rows = shared_memory<float>() + team * Stage<W>::floats;
#pragma unroll
  for (int m = 0; m < M; m++) {
    const int from = own + warp_rows * m, left = min(warp_rows, own_count - warp_rows * m);
    const int64_t row = place.rows.begin + from;
    if constexpr (by_key) {
      write_rows<Real, W>(stage_rows, dk[m], a.magnitude, a.magnitude, head_at<Real>(to.dk, row, kv_head), to.dk.row,
                          left, a.dim, a, a.cos != nullptr, from);
      write_rows<Real, W>(stage_rows, dv[m], 1.0f, 1.0f, head_at<Real>(to.dv, row, kv_head), to.dv.row, left, a.dim, a,
                          false, 0);
    } else {
      const float scale = static_cast<float>(a.scale);
      write_rows<Real, W>(stage_rows, dk[m], scale, scale, head_at<Real>(to.dq, row, static_cast<int>(blockIdx.y)),
                          to.dq.row, left, a.dim, a, a.cos != nullptr, from);
    }
  }
}

template <class Tiles, int warps, bool by_key>
void start(Context& context, const Attention& a, const Gradients& to) {
  constexpr int64_t bytes = backward_shared<Tiles, warps, by_key>();
  static_assert(bytes >= warps * Stage<Tiles::width>::floats * 4 && bytes <= 99 * 1024);
  const dim3 grid(static_cast<unsigned>(
                      tile_numbers(by_key ? a.keys : a.queries, a.sequences, warp_rows * Tiles::row_tiles * warps)),
                  static_cast<unsigned>(by_key ? a.kv_heads : a.heads));
  const auto kernel = a.drops ? attention_backward_kernel<Tiles, warps, by_key, true>
                              : attention_backward_kernel<Tiles, warps, by_key, false>;
  launch(context, kernel, grid, dim3(warps * warp), bytes, a, to);
}

}  // namespace

void attend_backward(Context& context, Attention a, const View& y, const View& lse, const View& dy, HeadRows dq,
                     HeadRows dk, HeadRows dv) {
  make_readable(context, a);
  const auto rows_of_heads = [&](const View& x) {
    HeadRows rows{x.data, int64_t{a.heads} * a.dim, a.dim};
    make_readable(context, a.dtype, rows, a.queries, a.heads, a.dim, 1.0f);
    return rows;
  };
  auto* delta = static_cast<float*>(scratch(context, max<int64_t>(1, int64_t{a.queries} * a.heads) * 4));
  const Gradients to{rows_of_heads(y), rows_of_heads(dy), as<float>(lse), delta, dq, dk, dv};
  by_tiles(a.dtype, a.dim, [&]<class Tiles, int warps>() {
    constexpr bool larger = Tiles::width == 64 && Tiles::stages == 2;
    using ByQuery = TensorTiles<64, 4, 2>;
    using ByKey = TensorTiles<64, 3, 2>;  // beside two sums there are registers for so much
    if (larger && many_rows(context, a.queries, a.sequences, a.heads)) {  // first: it writes delta
      start<ByQuery, 4, false>(context, a, to);
    } else {
      start<Tiles, warps, false>(context, a, to);
    }
    if (larger && many_rows(context, a.keys, a.sequences, a.kv_heads)) {
      start<ByKey, 4, true>(context, a, to);
    } else {
      start<Tiles, warps, true>(context, a, to);
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
