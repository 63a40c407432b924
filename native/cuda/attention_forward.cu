// attention, forward. A block takes 16 or 32 queries per warp of one sequence and head, and goes once through the keys
// that they see, a tile at a time, the next tile on its way meanwhile. Rows keep a running maximum and sum (Milakov,
// Gimelshein, "Online normalizer calculation for softmax", 2018; Dao, "FlashAttention-2", 2023). Tiles start at fixed
// keys and a warp leaves out strips that none of its rows sees, so a row has the same bits in any batch.
#include "attention_products.h"
#include "turn_rows.h"

namespace ettin::ETTIN_LEVEL {

namespace {

template <class Tiles, int warps>
constexpr int64_t forward_shared() {
  const int64_t cells = (warp_rows * Tiles::row_tiles * warps + 2 * Tiles::stages * Tiles::columns) * Tiles::stride;
  return cells * static_cast<int64_t>(sizeof(typename Tiles::Cell)) + warps * Tiles::buffer * 4;
}

template <class Tiles, int warps, bool drops>
__global__ void __launch_bounds__(warps* warp, Tiles::width > 64      ? 1
                                               : Tiles::row_tiles > 1 ? 2
                                                                      : 3)
    attention_forward_kernel(Attention a, typename Tiles::Real* y, float* lse) {
  using Real = typename Tiles::Real;
  using Cell = typename Tiles::Cell;
  constexpr int W = Tiles::width, N = Tiles::columns, M = Tiles::row_tiles, strips = N / 16;
  constexpr int own_rows = warp_rows * M, rows_of_block = own_rows * warps;
  constexpr int threads = warps * warp, tile_cells = N * Tiles::stride;
  Cell* const queries_tile = shared_memory<Cell>();
  Cell* const tiles = queries_tile + rows_of_block * Tiles::stride;  // per stage: keys, then values
  auto* const buffers = reinterpret_cast<float*>(tiles + 2 * Tiles::stages * tile_cells);

  if (blockIdx.x == 0 && blockIdx.y == 0) {
    check_offsets(a.query_faults, a.query_offsets, a.sequences, a.queries);
    check_offsets(a.key_faults, a.key_offsets, a.sequences, a.keys);
  }
  // Without a window later tiles see more keys, and the longest work should start first.
  const unsigned number = a.right == 0 && a.left >= a.keys ? gridDim.x - 1 - blockIdx.x : blockIdx.x;
  const TilePlace place = tile_place(a.query_offsets, a.sequences, a.queries, rows_of_block, static_cast<int>(number));
  if (place.empty()) return;
  const int head = static_cast<int>(blockIdx.y), kv_head = head / (a.heads / a.kv_heads), b = place.sequence;
  const SequenceRows key_rows = b < a.sequences ? rows_of(a.key_offsets, a.sequences, a.keys, b) : SequenceRows{0, 0};
  const Band band = band_of(a, place.rows.count, key_rows.count);
  const int first = place.first, count = min(rows_of_block, band.queries - first);

  const int thread = static_cast<int>(threadIdx.x), lane = thread % warp;
  const int team = __shfl_sync(all_lanes, thread / warp, 0);  // known to be one for the warp
  const int g = lane / 4, t = lane % 4;
  const int own = first + own_rows * team, own_count = min(own_rows, first + count - own);  // the warp's queries
  float* const buffer = buffers + team * Tiles::buffer;
  const Range keys = keys_seen(band, first, count);
  const Range own_keys = own_count > 0 ? keys_seen(band, own, own_count) : Range{0, 0};

  const auto load = [&](int j, int stage) {
    Cell* const tile = tiles + stage * 2 * tile_cells;
    const int64_t row = key_rows.begin + j;
    Tiles::template load<N, threads>(tile, head_at<Real>(a.k, row, kv_head), a.k.row, band.keys - j, a.dim);
    Tiles::template load<N, threads>(tile + tile_cells, head_at<Real>(a.v, row, kv_head), a.v.row, band.keys - j,
                                     a.dim);
  };

  float sums[M][W / 8][4] = {};
  float best[M][2], total[M][2] = {};
#pragma unroll
  for (int m = 0; m < M; m++) best[m][0] = best[m][1] = minus_infinity;
  if (keys.begin < keys.end) {
    const int start = keys.begin / N * N;
    Tiles::template load<rows_of_block, threads>(queries_tile, head_at<Real>(a.q, place.rows.begin + first, head),
                                                 a.q.row, count, a.dim);
    if (Tiles::stages == 2) load(start, 0);
    copy_commit();
    copy_wait<0>();
    __syncthreads();
    Cell* const own_queries = queries_tile + own_rows * team * Tiles::stride;
    if (a.turns_queries) turn_tile<Tiles>(own_queries, a, own);
    const typename Tiles::Held held = Tiles::hold(own_queries);
    HeadDropout dropout = {};
    if (drops) dropout = head_dropout(a, b, head);

    int stage = 0;
    for (int j = start; j < keys.end; j += N) {
      if (Tiles::stages == 2) {
        copy_wait<0>();
        __syncthreads();  // the tile is there, and nobody reads the one before
        if (j + N < keys.end) load(j + N, stage ^ 1);
        copy_commit();
      } else {
        __syncthreads();
        load(j, 0);
        copy_commit();
        copy_wait<0>();
        __syncthreads();
      }
      const Cell* const keys_tile = tiles + stage * 2 * tile_cells;
      stage = Tiles::stages == 2 ? stage ^ 1 : 0;

      const int from = max(own_keys.begin - j, 0), to = min(own_keys.end - j, N);
      if (from >= to) continue;
      const int low = from / 16, high = (to + 15) / 16;
      float s[M][2 * strips][4];
      Tiles::template scores<strips>(s, held, keys_tile, 0, low, high, a.dim);
      if (band.first_key(own + own_rows - 1) > j || band.end_key(own) < j + N) {  // some rows do not see all
#pragma unroll
        for (int h = 0; h < 2 * M; h++) {
          const int i = own + g + 8 * h, begin = band.first_key(i) - j, end = band.end_key(i) - j, e = h % 2 * 2;
#pragma unroll
          for (int n = 0; n < 2 * strips; n++) {
            const int column = 8 * n + 2 * t;
            if (column < begin || column >= end) s[h / 2][n][e] = minus_infinity;
            if (column + 1 < begin || column + 1 >= end) s[h / 2][n][e + 1] = minus_infinity;
          }
        }
      }

#pragma unroll
      for (int h = 0; h < 2 * M; h++) {
        const int m = h / 2, half = h % 2;
        float most = best[m][half];
#pragma unroll
        for (int n = 0; n < 2 * strips; n++) most = fmaxf(most, fmaxf(s[m][n][2 * half], s[m][n][2 * half + 1]));
        most = fmaxf(most, __shfl_xor_sync(all_lanes, most, 1));
        most = fmaxf(most, __shfl_xor_sync(all_lanes, most, 2));
        const float shift = most == minus_infinity ? 0.0f : most * a.base;
        const float shrink = power_of_two(fmaf(best[m][half], a.base, -shift));
        best[m][half] = most;
        total[m][half] *= shrink;
#pragma unroll
        for (int n = 0; n < 2 * strips; n++) {
#pragma unroll
          for (int e = 2 * half; e < 2 * half + 2; e++) {
            s[m][n][e] = power_of_two(fmaf(s[m][n][e], a.base, -shift));
            total[m][half] += s[m][n][e];
          }
        }
#pragma unroll
        for (int d = 0; d < W / 8; d++) {
          sums[m][d][2 * half] *= shrink;
          sums[m][d][2 * half + 1] *= shrink;
        }
      }

      if (drops) {
#pragma unroll
        for (int m = 0; m < M; m++) {
          const uint32_t bits = bits_of_tile(dropout, own + warp_rows * m + band.shift, j);
#pragma unroll
          for (int n = 0; n < 2 * strips; n++) {
#pragma unroll
            for (int e = 0; e < 4; e++) s[m][n][e] = stays_in_tile(bits, j, n, e) ? s[m][n][e] : 0.0f;
          }
        }
      }
      Tiles::template weigh<strips>(sums, s, keys_tile + tile_cells, 0, low, high, buffer);
    }
    copy_wait<0>();
  }

  __syncthreads();  // the tiles' memory is now the warps' stages
  float* const stage_rows = shared_memory<float>() + team * Stage<W>::floats;
  const int64_t width = int64_t{a.heads} * a.dim;
#pragma unroll
  for (int m = 0; m < M; m++) {
    const int from = own + warp_rows * m, left = min(warp_rows, own_count - warp_rows * m);
    float factor[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float all = total[m][half];
      all += __shfl_xor_sync(all_lanes, all, 1);
      all += __shfl_xor_sync(all_lanes, all, 2);
      const bool none = all == 0.0f;
      factor[half] = none ? 0.0f : (drops ? a.dropout.keep : 1.0f) / all;
      const int row = g + 8 * half;
      if (t == 0 && row < left) {
        lse[int64_t{head} * a.queries + place.rows.begin + from + row] =
            none ? minus_infinity : best[m][half] * a.base * ln_2 + logf(all);
      }
    }
    Real* const to = y + (place.rows.begin + from) * width + int64_t{head} * a.dim;
    write_rows<Real, W>(stage_rows, sums[m], factor[0], factor[1], to, width, left, a.dim, a, false, 0);
  }
}

template <class Tiles, int warps, bool drops>
void start_forward(Context& context, const Attention& a, const View& y, const View& lse) {
  constexpr int64_t bytes = forward_shared<Tiles, warps>();
  static_assert(bytes >= warps * Stage<Tiles::width>::floats * 4 && bytes <= 99 * 1024);
  const dim3 grid(static_cast<unsigned>(tile_numbers(a.queries, a.sequences, warp_rows * Tiles::row_tiles * warps)),
                  static_cast<unsigned>(a.heads));
  launch(context, attention_forward_kernel<Tiles, warps, drops>, grid, dim3(warps * warp), bytes, a,
         as<typename Tiles::Real>(y), as<float>(lse));
}

template <class Tiles, int warps>
void forward(Context& context, const Attention& a, const View& y, const View& lse) {
  if (a.drops) return start_forward<Tiles, warps, true>(context, a, y, lse);
  start_forward<Tiles, warps, false>(context, a, y, lse);
}

}  // namespace

void attend(Context& context, Attention a, const View& y, const View& lse) {
  make_readable(context, a);
  by_tiles(a.dtype, a.dim, [&]<class Tiles, int warps>() {
    if constexpr (Tiles::width == 64 && Tiles::stages == 2) {
      if (many_rows(context, a.queries, a.sequences, a.heads)) {
        return forward<TensorTiles<64, 4, 2>, warps>(context, a, y, lse);
      }
    }
    forward<Tiles, warps>(context, a, y, lse);
  });
}

}  // namespace ettin::ETTIN_LEVEL
