// The two products of attention on tiles in shared memory, by tensor cores and by plain arithmetic, behind one face:
//
//   load      rows of a head to a tile; missing rows and columns are zero
//   hold      the warp's own 16·M rows of a tile
//   scores    c [16·M, 16·strips] = held [16·M, W] · tile[first …]ᵀ
//   weigh     y [16·M, W] += c [16·M, 16·strips] · tile[first …]
//
// A strip is 16 rows of the tile; those outside [low, high) are left out. W is the head size, filled up with zeros.
// What bounds the tensor cores is what is read from shared memory: a piece of a tile is read once for all M.
#pragma once

#include "attention_tiles.h"
#include "ptx.h"

namespace ettin::ETTIN_LEVEL {

// Two neighbours as the tensor cores read them.
__device__ __forceinline__ uint32_t pair_of(float low, float high) {
#ifdef __CUDA_ARCH__
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#else
  return uint32_t{to_bf16(low).bits} | uint32_t{to_bf16(high).bits} << 16;
#endif
}

// bfloat16 with float32 sums. The 16-byte pieces of a row change places by its number, so that the eight rows that
// ldmatrix reads at once lie in different banks. Of the held rows the first `held_pieces` pieces of 16 columns are in
// registers, the others are read where they are used.
template <int W, int held_pieces, int M = 1>
struct TensorTiles {
  using Real = bf16;
  using Cell = bf16;
  static constexpr int width = W, columns = 64, stages = 2, stride = W, buffer = 0, row_tiles = M;

  // Where a piece of a row begins in a tile.
  static __device__ __forceinline__ int place(int row, int piece) {
    const auto r = static_cast<unsigned>(row);
    const unsigned turn = W == 32 ? r / 2 % 4 : r % 8;
    return static_cast<int>(r * W + (static_cast<unsigned>(piece) ^ turn) * 8);
  }
  static __device__ __forceinline__ Cell* at(Cell* tile, int row, int piece) { return tile + place(row, piece); }

  static __device__ __forceinline__ Cell* element(Cell* tile, int row, int d) { return at(tile, row, d / 8) + d % 8; }

  template <int rows, int threads>
  static __device__ __forceinline__ void load(Cell* tile, const Real* from, int64_t from_row, int count, int dim) {
    constexpr int pieces = W / 8, step = threads / pieces;  // a thread's pieces are `step` rows apart
    static_assert(rows % step == 0 && step % 8 == 0);
    const int thread = static_cast<int>(threadIdx.x), row = thread / pieces, piece = thread % pieces;
    Cell* const to = at(tile, row, piece);
    const Real* source = from + row * from_row + piece * 8;
    const int valid = piece * 8 < dim ? count - row : 0;
#pragma unroll
    for (int i = 0; i < rows / step; i++, source += step * from_row) {
      copy_async(to + i * step * W, source, i * step < valid);
    }
  }

  struct Held {
    uint32_t a[M][held_pieces > 0 ? held_pieces : 1][4];
    const Cell* rows;
  };
  static __device__ __forceinline__ Held hold(const Cell* rows) {
    Held held;
    held.rows = rows;
#pragma unroll
    for (int m = 0; m < M; m++) {
#pragma unroll
      for (int k = 0; k < held_pieces; k++) load_piece(held.a[m][k], rows, m, k);
    }
    return held;
  }
  static __device__ __forceinline__ void load_piece(uint32_t (&a)[4], const Cell* rows, int m, int k) {
    load_tiles(a, rows + 16 * m * W + (strip_row() ^ 16 * k));
  }
  // Where in a strip, and in its first 16 columns, a lane reads what ldmatrix asks of it: for columns of the product's
  // right side, and for rows. The columns from 16k on are at (this ^ 16k).
  static __device__ __forceinline__ int strip_column() {
    const int lane = static_cast<int>(threadIdx.x) % warp;
    return place(lane / 16 * 8 + lane % 8, lane / 8 % 2);
  }
  static __device__ __forceinline__ int strip_row() {
    const int lane = static_cast<int>(threadIdx.x) % warp;
    return place(lane % 16, lane / 16);
  }
  static __device__ __forceinline__ void pieces_of(uint32_t (&a)[M][4], const Held& held, int k) {
#pragma unroll
    for (int m = 0; m < M; m++) {
      if (k < held_pieces) {
#pragma unroll
        for (int i = 0; i < 4; i++) a[m][i] = held.a[m][k < held_pieces ? k : 0][i];
      } else {
        load_piece(a[m], held.rows, m, k);
      }
    }
  }
  template <int columns_of_c>
  static __device__ __forceinline__ void score(float (&c)[M][columns_of_c][4], int n, const uint32_t (&a)[M][4],
                                               const Cell* row) {
    uint32_t r[4];
    load_tiles(r, row);
#pragma unroll
    for (int m = 0; m < M; m++) {
      mma_bf16(c[m][n], a[m], {r[0], r[1]});
      mma_bf16(c[m][n + 1], a[m], {r[2], r[3]});
    }
  }

  template <int strips>
  static __device__ __forceinline__ void scores(float (&c)[M][2 * strips][4], const Held& held, const Cell* tile,
                                                int first, int low, int high, int) {
    const Cell* const strip = tile + first * W;
    const int mine = strip_column();
#pragma unroll
    for (int m = 0; m < M; m++) {
#pragma unroll
      for (int n = 0; n < 2 * strips; n++) c[m][n][0] = c[m][n][1] = c[m][n][2] = c[m][n][3] = 0.0f;
    }
    if constexpr (strips > 1) {
      if (low != 0 || high != strips) {
#pragma unroll
        for (int s = 0; s < strips; s++) {
          if (s < low || s >= high) continue;
#pragma unroll
          for (int k = 0; k < W / 16; k++) {
            uint32_t a[M][4];
            pieces_of(a, held, k);
            score(c, 2 * s, a, strip + 16 * s * W + (mine ^ 16 * k));
          }
        }
        return;
      }
    }
    // All strips at once keep more products on their way than one after the other.
#pragma unroll
    for (int k = 0; k < W / 16; k++) {
      uint32_t a[M][4];
      pieces_of(a, held, k);
#pragma unroll
      for (int s = 0; s < strips; s++) score(c, 2 * s, a, strip + 16 * s * W + (mine ^ 16 * k));
    }
  }

  template <int strips>
  static __device__ __forceinline__ void weigh(float (&y)[M][W / 8][4], const float (&c)[M][2 * strips][4],
                                               const Cell* tile, int first, int low, int high, float*) {
    if constexpr (strips > 1) {
      if (low != 0 || high != strips) {
#pragma unroll
        for (int s = 0; s < strips; s++) {
          if (s >= low && s < high) weigh_strip(y, c, 2 * s, tile + (first + 16 * s) * W);
        }
        return;
      }
    }
#pragma unroll
    for (int s = 0; s < strips; s++) weigh_strip(y, c, 2 * s, tile + (first + 16 * s) * W);
  }
  template <int columns_of_c>
  static __device__ __forceinline__ void weigh_strip(float (&y)[M][W / 8][4], const float (&c)[M][columns_of_c][4],
                                                     int n, const Cell* strip) {
    uint32_t a[M][4];
#pragma unroll
    for (int m = 0; m < M; m++) {
#pragma unroll
      for (int i = 0; i < 4; i++) a[m][i] = pair_of(c[m][n + i / 2][i % 2 * 2], c[m][n + i / 2][i % 2 * 2 + 1]);
    }
#pragma unroll
    for (int d = 0; d < W / 16; d++) {
      uint32_t r[4];
      load_tiles_transposed(r, strip + (strip_row() ^ 16 * d));
#pragma unroll
      for (int m = 0; m < M; m++) {
        mma_bf16(y[m][2 * d], a[m], {r[0], r[1]});
        mma_bf16(y[m][2 * d + 1], a[m], {r[2], r[3]});
      }
    }
  }
};

// float32 throughout, exact products; also for bfloat16 where a head is too large for a warp's registers.
template <class T, int W>
struct PlainTiles {
  using Real = T;
  using Cell = float;
  static constexpr int width = W, columns = W > 128 ? 16 : 32, stages = 1, stride = W + 4, row_tiles = 1;
  static constexpr int buffer_row = 20, buffer = warp_rows * buffer_row;  // floats of a warp, for a strip of weights

  static __device__ __forceinline__ Cell* element(Cell* tile, int row, int d) { return tile + row * stride + d; }

  template <int rows, int threads>
  static __device__ __forceinline__ void load(Cell* tile, const Real* from, int64_t from_row, int count, int dim) {
    constexpr int pieces = W / 4;
    for (int i = static_cast<int>(threadIdx.x); i < rows * pieces; i += threads) {
      const int row = i / pieces, d = i % pieces * 4;
      const bool valid = row < count && d < dim;
      *reinterpret_cast<float4*>(tile + row * stride + d) =
          valid ? load_four(from + row * from_row + d) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    }
  }

  struct Held {
    const Cell* rows;
  };
  static __device__ __forceinline__ Held hold(const Cell* rows) { return {rows}; }

  template <int strips>
  static __device__ __forceinline__ void scores(float (&scores)[1][2 * strips][4], const Held& held, const Cell* tile,
                                                int first, int, int, int dim) {
    auto& c = scores[0];
    const int lane = static_cast<int>(threadIdx.x) % warp, g = lane / 4, t = lane % 4;
    const float* rows = held.rows + g * stride;
    const float* columns_at = tile + (first + 2 * t) * stride;
#pragma unroll
    for (int n = 0; n < 2 * strips; n++) c[n][0] = c[n][1] = c[n][2] = c[n][3] = 0.0f;
    for (int d = 0; d < dim; d += 4) {
      const float4 x = load_four(rows + d), x8 = load_four(rows + 8 * stride + d);
#pragma unroll
      for (int n = 0; n < 2 * strips; n++) {
#pragma unroll
        for (int e = 0; e < 2; e++) {
          const float4 z = load_four(columns_at + (8 * n + e) * stride + d);
          c[n][e] = fmaf(x.w, z.w, fmaf(x.z, z.z, fmaf(x.y, z.y, fmaf(x.x, z.x, c[n][e]))));
          c[n][2 + e] = fmaf(x8.w, z.w, fmaf(x8.z, z.z, fmaf(x8.y, z.y, fmaf(x8.x, z.x, c[n][2 + e]))));
        }
      }
    }
  }

  template <int strips>
  static __device__ __forceinline__ void weigh(float (&sums)[1][W / 8][4], const float (&scores)[1][2 * strips][4],
                                               const Cell* tile, int first, int low, int high, float* weights) {
    auto& y = sums[0];
    const auto& c = scores[0];
    const int lane = static_cast<int>(threadIdx.x) % warp, g = lane / 4, t = lane % 4;
#pragma unroll
    for (int s = 0; s < strips; s++) {
      if (s < low || s >= high) continue;
#pragma unroll
      for (int n = 0; n < 2; n++) {
        float* at = weights + g * buffer_row + 8 * n + 2 * t;
        *reinterpret_cast<float2*>(at) = make_float2(c[2 * s + n][0], c[2 * s + n][1]);
        *reinterpret_cast<float2*>(at + 8 * buffer_row) = make_float2(c[2 * s + n][2], c[2 * s + n][3]);
      }
      __syncwarp();
      const float* rows = tile + (first + 16 * s) * stride + 2 * t;
#pragma unroll 1
      for (int j = 0; j < 16; j++) {
        const float w = weights[g * buffer_row + j], w8 = weights[(g + 8) * buffer_row + j];
#pragma unroll
        for (int d = 0; d < W / 8; d++) {
          const auto z = *reinterpret_cast<const float2*>(rows + j * stride + 8 * d);
          y[d][0] = fmaf(w, z.x, y[d][0]);
          y[d][1] = fmaf(w, z.y, y[d][1]);
          y[d][2] = fmaf(w8, z.x, y[d][2]);
          y[d][3] = fmaf(w8, z.y, y[d][3]);
        }
      }
      __syncwarp();
    }
  }
};

// Rotates the warp's rows of a tile where they lie, row r to `position` + r.
template <class Tiles>
__device__ __forceinline__ void turn_tile(typename Tiles::Cell* rows, const Attention& a, int position) {
  const int half = a.dim / 2, pieces = half / 4;
  for (int i = static_cast<int>(threadIdx.x) % warp; i < warp_rows * Tiles::row_tiles * pieces; i += warp) {
    const int r = i / pieces, j = i % pieces * 4;
    auto *const low_at = Tiles::element(rows, r, j), *const high_at = Tiles::element(rows, r, j + half);
    float4 low = load_four(low_at), high = load_four(high_at);
    turn_four(low, high, a, position + r, j, 1.0f);
    store_four(low_at, low);
    store_four(high_at, high);
  }
  __syncwarp();
}

// Whether blocks of twice as many rows, 128, are the better ones, because they read tiles half as often: where
// sequences fill them, and two blocks remain for each multiprocessor, and fit it.
inline bool many_rows(Context& context, int64_t rows, int64_t sequences, int64_t heads) {
  return rows >= 128 * sequences && rows * heads >= int64_t{128} * 2 * multiprocessors(context) &&
         shared_memory_limit(context) >= 128 * 1024;
}

// Calls body with the tiles for a dtype and a head size, and how many warps a block of them has at most.
template <class Body>
void by_tiles(DType dtype, int dim, const Body& body) {
  if (dtype == DType::bfloat16) {
    if (dim <= 32) return body.template operator()<TensorTiles<32, 2>, 4>();
    if (dim <= 64) return body.template operator()<TensorTiles<64, 4>, 4>();
    if (dim <= 128) return body.template operator()<TensorTiles<128, 0>, 4>();
    return body.template operator()<PlainTiles<bf16, 256>, 1>();
  }
  if (dim <= 32) return body.template operator()<PlainTiles<float, 32>, 4>();
  if (dim <= 64) return body.template operator()<PlainTiles<float, 64>, 4>();
  if (dim <= 128) return body.template operator()<PlainTiles<float, 128>, 2>();
  return body.template operator()<PlainTiles<float, 256>, 1>();
}

}  // namespace ettin::ETTIN_LEVEL
