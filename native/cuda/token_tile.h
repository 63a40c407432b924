// Products of 32 query tokens with 64 document tokens, for one block of 256 threads, in shared memory: bfloat16 by the
// tensor cores, float32 by fused multiply-adds. The inner dimension goes by slices of `tile_slice`, filled up by zeros.
#pragma once

#include "ptx.h"
#include "values.h"

namespace ettin::ETTIN_LEVEL {

constexpr int tile_queries = 32, tile_documents = 64, tile_slice = 128, tile_threads = 256;
constexpr int tile_columns = 72;  // of the products, from row to row: threads that read one do not share banks

// Elements from row to row of a slice in shared memory: 16 bytes more than a slice, so that the rows of a tensor core's
// tile, or eight neighbouring rows, lie in different banks.
template <class T>
constexpr int slice_stride = tile_slice + Pack<T>::size;

template <class T>
struct TokenTile {
  T* queries;       // [tile_queries, slice_stride]
  T* documents;     // [tile_documents, slice_stride]
  float* products;  // [tile_queries, tile_columns]

  static constexpr int64_t bytes() {
    return (tile_queries + tile_documents) * slice_stride<T> * static_cast<int64_t>(sizeof(T)) +
           tile_queries * tile_columns * 4;
  }
  static __device__ __forceinline__ TokenTile in_shared_memory() {
    T* queries = shared_memory<T>();
    T* documents = queries + tile_queries * slice_stride<T>;
    return {queries, documents, reinterpret_cast<float*>(documents + tile_documents * slice_stride<T>)};
  }
};

// Columns [k, k + tile_slice) of `count` rows x [.., D] into `rows` rows of shared memory; zeros elsewhere.
template <class T>
__device__ __forceinline__ void load_slice(T* to, int rows, const T* x, int count, int D, int k, bool by_pack) {
  constexpr int P = Pack<T>::size, packs_of_row = tile_slice / P;
  for (int i = static_cast<int>(threadIdx.x); i < rows * packs_of_row; i += tile_threads) {
    const int row = i / packs_of_row, c = i % packs_of_row * P;
    const T* from = x + int64_t{row} * D + k + c;
    Pack<T> pack;
    if (row < count && by_pack && k + c < D) {
      pack = load_pack(from);
    } else {
#pragma unroll
      for (int j = 0; j < P; j++) store(&pack.item[j], row < count && k + c + j < D ? to_float(from[j]) : 0.0f);
    }
    store_pack(to + row * slice_stride<T> + c, pack);
  }
}

// What a thread holds of the products while slices are added.
template <class T>
struct TileSums;

// A warp has 16 queries and 16 documents.
template <>
struct TileSums<bf16> {
  float c[2][4];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < 8; i++) c[i / 4][i % 4] = 0.0f;
  }
  __device__ __forceinline__ void add(const TokenTile<bf16>& tile, int columns) {
    const int lane = static_cast<int>(threadIdx.x) % warp, number = static_cast<int>(threadIdx.x) / warp;
    const bf16* q = tile.queries + (number % 2 * 16 + lane % 16) * slice_stride<bf16> + lane / 16 * 8;
    const bf16* d =
        tile.documents + (number / 2 * 16 + lane / 16 * 8 + lane % 8) * slice_stride<bf16> + lane / 8 % 2 * 8;
    for (int k = 0; k < columns; k += 16) {
      uint32_t a[4], b[4];
      load_tiles(a, q + k);
      load_tiles(b, d + k);
      mma_bf16(c[0], a, {b[0], b[1]});
      mma_bf16(c[1], a, {b[2], b[3]});
    }
  }
  __device__ __forceinline__ void put(float* products) const {
    const int lane = static_cast<int>(threadIdx.x) % warp, number = static_cast<int>(threadIdx.x) / warp;
    float* to = products + (number % 2 * 16 + lane / 4) * tile_columns + number / 2 * 16 + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      to[i * 8] = c[i][0];
      to[i * 8 + 1] = c[i][1];
      to[i * 8 + 8 * tile_columns] = c[i][2];
      to[i * 8 + 8 * tile_columns + 1] = c[i][3];
    }
  }
};

// A thread has two queries and every sixteenth document.
template <>
struct TileSums<float> {
  float c[2][4];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < 8; i++) c[i / 4][i % 4] = 0.0f;
  }
  __device__ __forceinline__ void add(const TokenTile<float>& tile, int columns) {
    const int first = static_cast<int>(threadIdx.x) / 16 * 2, document = static_cast<int>(threadIdx.x) % 16;
    for (int k = 0; k < columns; k += 4) {
      Pack<float> q[2], d[4];
#pragma unroll
      for (int i = 0; i < 2; i++) q[i] = load_pack(tile.queries + (first + i) * slice_stride<float> + k);
#pragma unroll
      for (int j = 0; j < 4; j++) d[j] = load_pack(tile.documents + (document + 16 * j) * slice_stride<float> + k);
#pragma unroll
      for (int x = 0; x < 4; x++) {
#pragma unroll
        for (int i = 0; i < 8; i++) c[i / 4][i % 4] = fmaf(q[i / 4].item[x], d[i % 4].item[x], c[i / 4][i % 4]);
      }
    }
  }
  __device__ __forceinline__ void put(float* products) const {
    const int first = static_cast<int>(threadIdx.x) / 16 * 2, document = static_cast<int>(threadIdx.x) % 16;
#pragma unroll
    for (int i = 0; i < 8; i++) products[(first + i / 4) * tile_columns + document + 16 * (i % 4)] = c[i / 4][i % 4];
  }
};

// tile.products = q · dᵀ for up to 32 rows of q and 64 of d, both [.., D]. By all threads of the block; where D is one
// slice, the queries must have been loaded. Others may read the products after a barrier, and the next call waits for
// them with another.
template <class T>
__device__ __forceinline__ void multiply_tile(const TokenTile<T>& tile, const T* q, int queries, const T* d,
                                              int documents, int D, bool by_pack) {
  TileSums<T> sums;
  sums.clear();
  for (int k = 0; k == 0 || k < D; k += tile_slice) {
    if (k > 0) __syncthreads();
    if (D > tile_slice) load_slice(tile.queries, tile_queries, q, queries, D, k, by_pack);
    load_slice(tile.documents, tile_documents, d, documents, D, k, by_pack);
    __syncthreads();
    sums.add(tile, min(tile_slice, (D - k + 15) / 16 * 16));
  }
  sums.put(tile.products);
}

}  // namespace ettin::ETTIN_LEVEL
