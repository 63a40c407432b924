// max_sim: late interaction. Each query token finds its best document token; a score is the sum of those.
//
//   scores[q,j] = sum over i in q of max over r in j of q[i] · d[r]        for all pairs, or for those listed
//   rows        = that r (the first of equals), as a row of d; -1 where the document is empty
//   dq[i] = sum over j of dscores[q,j] d[rows[i,j]]     dd[r] = sum over (i,j) with rows[i,j] = r of dscores[q,j] q[i]
//
//   q, dq [Tq,D] with query_offsets [Q+1]   d, dd [Td,D] with document_offsets [N+1]
//   all pairs:  scores, dscores [Q,N] float32   rows [Tq,N] int32
//   pairs [P,2] int32 (query, document):  scores, dscores [P]   rows [P,L], L at least the longest query of a pair
//
// A score does not depend on the other queries and documents: a block has one pair and goes through it by tiles of 32
// by 64 products (token_tile.h). The matrix of all token scores is never made. An empty document scores 0, and so does
// an empty query. A NaN wins, so that it is seen. Backward: a warp has a query token, or a document, and some channels,
// and adds up in the order of the pairs.
#include "packed_offsets.h"
#include "token_tile.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Interaction {
  const int32_t *query_offsets, *document_offsets;
  const int32_t* pairs;  // null: all, query by query
  int64_t count;         // of pairs
  int64_t width;         // of rows
  int Q, N, Tq, Td;

  __device__ __forceinline__ int query(int64_t p) const { return static_cast<int>(pairs ? pairs[2 * p] : p / N); }
  __device__ __forceinline__ int document(int64_t p) const {
    return static_cast<int>(pairs ? pairs[2 * p + 1] : p % N);
  }
  __device__ __forceinline__ bool exists(int64_t p) const {
    return query(p) >= 0 && query(p) < Q && document(p) >= 0 && document(p) < N;
  }
  __device__ __forceinline__ SequenceRows query_rows(int query) const { return rows_of(query_offsets, Q, Tq, query); }
  __device__ __forceinline__ SequenceRows document_rows(int document) const {
    return rows_of(document_offsets, N, Td, document);
  }
  // Where rows has token i of the pair's query, which starts at row `begin`; i counts rows of q.
  __device__ __forceinline__ int64_t place(int64_t p, int i, int begin) const {
    return pairs ? p * width + i - begin : i * width + p % N;
  }
};

Interaction interaction_of(const View& q, const View& d, const View& query_offsets, const View& document_offsets,
                           const Optional& pairs, const View& rows) {
  const int64_t Q = size_of(query_offsets) - 1, N = size_of(document_offsets) - 1;
  const bool listed = pairs.dims >= 0;
  return {as<int32_t>(query_offsets),
          as<int32_t>(document_offsets),
          listed ? as<int32_t>(pairs) : nullptr,
          listed ? pairs.shape[0] : Q * N,
          rows.shape[1],
          static_cast<int>(Q),
          static_cast<int>(N),
          static_cast<int>(q.shape[0]),
          static_cast<int>(d.shape[0])};
}

struct Faults {
  OffsetFaults queries, documents;
  Fault pair, length;
};
Faults faults_of(Context& context) {
  constexpr auto falls = "offsets fall from %lld to %lld at sequence %lld. Sort them: each is where a sequence starts.";
  constexpr auto ends =
      "offsets go from %lld to %lld, but x has %lld rows. Pass the offsets of the batch that made x: 0 first, the "
      "number of rows last.";
  const OffsetFaults offsets{fault(context, falls), fault(context, ends)};
  return {
      offsets, offsets,
      fault(context, "pair %lld is (%lld, %lld), but there are %lld queries and %lld documents. Number both from 0."),
      fault(context,
            "query %lld has %lld tokens, but there is room for %lld. Pass the longest query's number of tokens.")};
}

// Whether s, of document row r, takes the place of the best so far.
__device__ __forceinline__ bool wins(float s, int r, float best, int row) {
  if (r < 0) return false;
  const bool equal = s == best || (s != s && best != best);
  return best < s || (s != s && best == best) || (equal && row >= 0 && r < row);
}

// One block, one pair. Eight threads share a query token, each has every eighth document.
template <class T>
__global__ void __launch_bounds__(tile_threads) score_pairs(float* scores, int32_t* rows, const T* q, const T* d, int D,
                                                            bool by_pack, Interaction all, Faults bad) {
  __shared__ float tops[tile_queries];
  const auto tile = TokenTile<T>::in_shared_memory();
  const int64_t p = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x);
  if (p == 0) {
    check_offsets(bad.queries, all.query_offsets, all.Q, all.Tq);
    check_offsets(bad.documents, all.document_offsets, all.N, all.Td);
  }
  if (all.pairs) {
    for (int64_t i = thread; i < all.width; i += tile_threads) rows[p * all.width + i] = -1;
    if (!all.exists(p)) {
      if (thread == 0) bad.pair.raise(p, all.query(p), all.document(p), all.Q, all.N);
      return;
    }
    __syncthreads();
  }
  SequenceRows tokens = all.query_rows(all.query(p));
  const SequenceRows document = all.document_rows(all.document(p));
  if (all.pairs && tokens.count > all.width) {
    if (thread == 0) bad.length.raise(all.query(p), tokens.count, all.width);
    tokens.count = static_cast<int>(all.width);
  }

  float score = 0.0f;
  for (int i = 0; i < tokens.count; i += tile_queries) {
    const int queries = min(tile_queries, tokens.count - i), mine = thread / 8;
    const T* query = q + int64_t{tokens.begin + i} * D;
    if (D <= tile_slice) load_slice(tile.queries, tile_queries, query, queries, D, 0, by_pack);
    float best = -__builtin_inff();
    int row = -1;
    for (int r = 0; r < document.count; r += tile_documents) {
      const int documents = min(tile_documents, document.count - r);
      multiply_tile(tile, query, queries, d + int64_t{document.begin + r} * D, documents, D, by_pack);
      __syncthreads();
      for (int c = thread % 8; c < documents; c += 8) {
        const float s = tile.products[mine * tile_columns + c];
        if (best < s || (s != s && best == best)) {
          best = s;
          row = document.begin + r + c;
        }
      }
    }
#pragma unroll
    for (int distance = 1; distance < 8; distance *= 2) {
      const float s = __shfl_xor_sync(all_lanes, best, distance);
      const int r = __shfl_xor_sync(all_lanes, row, distance);
      if (wins(s, r, best, row)) {
        best = s;
        row = r;
      }
    }
    if (thread % 8 == 0) {
      const bool counts = mine < queries && document.count > 0;
      tops[mine] = counts ? best : 0.0f;
      if (mine < queries) rows[all.place(p, tokens.begin + i + mine, tokens.begin)] = row;
    }
    __syncthreads();
    if (thread < warp) score += warp_sum(tops[thread]);
  }
  if (thread == 0) scores[p] = score;
}

constexpr int channels_of_token = 4 * warp;  // of dq that a warp makes

// y[c] += x[c] * scale for the channels c of this lane: each 32nd of four.
template <class T>
__device__ __forceinline__ void add_channels(float (&y)[4], const T* x, float scale, int c, int D) {
#pragma unroll
  for (int k = 0; k < 4; k++) {
    if (c + k * warp < D) y[k] = fmaf(to_float(x[c + k * warp]), scale, y[k]);
  }
}

// dq: a warp has a query token, and sums over the pairs of its query.
template <class T>
__global__ void add_to_queries(T* dq, const float* dscores, const int32_t* rows, const T* d, int D, Interaction all) {
  const int lane = static_cast<int>(threadIdx.x) % warp;
  const int64_t i = int64_t{blockIdx.x} * (blockDim.x / warp) + threadIdx.x / warp;
  const int c = static_cast<int>(blockIdx.y) * channels_of_token + lane;
  if (i >= all.Tq) return;
  const int query = sequence_of(all.query_offsets, all.Q, i);
  const int begin = query < all.Q ? all.query_rows(query).begin : 0;
  const int64_t pairs = query >= all.Q ? 0 : all.pairs ? all.count : all.N;
  float sums[4] = {};
  for (int64_t first = 0; first < pairs; first += warp) {
    const int64_t p = all.pairs ? first + lane : query * int64_t{all.N} + first + lane;
    const bool counts = first + lane < pairs && (!all.pairs || (all.query(p) == query && i - begin < all.width));
    int row = counts ? rows[all.place(p, static_cast<int>(i), begin)] : -1;
    if (row >= all.Td) row = -1;
    const float scale = row >= 0 ? dscores[p] : 0.0f;
    unsigned left = __ballot_sync(all_lanes, row >= 0);
    while (left) {
      const int next = __ffs(static_cast<int>(left)) - 1;
      left &= left - 1;
      const int64_t r = __shfl_sync(all_lanes, row, next);
      add_channels(sums, d + r * D, __shfl_sync(all_lanes, scale, next), c, D);
    }
  }
#pragma unroll
  for (int k = 0; k < 4; k++) {
    if (c + k * warp < D) store(dq + i * D + c + k * warp, sums[k]);
  }
}

constexpr int document_rows = 384;  // of a document whose sums are kept in shared memory
constexpr int tokens_ahead = 4;     // of queries that are on their way from memory at once

// dd: a warp has a document and 32 channels, one to a lane, and adds in the order of the pairs and their tokens. Sums
// of longer documents are kept in `sums` [Td,D].
template <class T>
__global__ void __launch_bounds__(warp) add_to_documents(T* dd, float* sums, const float* dscores, const int32_t* rows,
                                                         const T* q, int D, Interaction all) {
  const int lane = static_cast<int>(threadIdx.x), document = static_cast<int>(blockIdx.x);
  const int c = static_cast<int>(blockIdx.y) * warp + lane;
  const SequenceRows mine = all.document_rows(document);
  const bool small = mine.count <= document_rows;
  float* sum = small ? shared_memory<float>() + lane : sums + int64_t{mine.begin} * D + c;
  const int64_t stride = small ? warp : D;
  const bool there = c < D;
  if (there) {
    for (int r = 0; r < mine.count; r++) sum[r * stride] = 0.0f;
  }
  const auto add_pair = [&](int64_t p) {
    const SequenceRows tokens = all.query_rows(all.query(p));
    const float scale = dscores[p];
    for (int i = 0; i < tokens.count; i += warp) {
      const bool counts = i + lane < tokens.count && (!all.pairs || i + lane < all.width);
      int row = counts ? rows[all.place(p, tokens.begin + i + lane, tokens.begin)] - mine.begin : -1;
      if (row >= mine.count) row = -1;
      unsigned left = __ballot_sync(all_lanes, row >= 0);
      while (left) {
        float token[tokens_ahead];
        int to[tokens_ahead];
#pragma unroll
        for (int k = 0; k < tokens_ahead; k++) {
          const bool more = left != 0;
          const int next = more ? __ffs(static_cast<int>(left)) - 1 : 0;
          left &= left - 1;
          const int r = __shfl_sync(all_lanes, row, next);
          to[k] = more && there ? r : -1;
          token[k] = more && there ? to_float(q[int64_t{tokens.begin + i + next} * D + c]) : 0.0f;
        }
#pragma unroll
        for (int k = 0; k < tokens_ahead; k++) {
          if (to[k] >= 0) sum[to[k] * stride] = fmaf(token[k], scale, sum[to[k] * stride]);
        }
      }
    }
  };
  if (all.pairs) {
    for (int64_t first = 0; first < all.count; first += warp) {
      const int64_t p = first + lane;
      unsigned left = __ballot_sync(all_lanes, p < all.count && all.document(p) == document && all.exists(p));
      while (left) {
        add_pair(first + __ffs(static_cast<int>(left)) - 1);
        left &= left - 1;
      }
    }
  } else {
    for (int query = 0; query < all.Q; query++) add_pair(int64_t{query} * all.N + document);
  }
  if (!there) return;
  for (int r = 0; r < mine.count; r++) store(dd + int64_t{mine.begin + r} * D + c, sum[r * stride]);
}

}  // namespace

void max_sim_forward(Context& context, Out scores, Out rows, View q, View d, View query_offsets, View document_offsets,
                     Optional pairs) {
  const Interaction all = interaction_of(q, d, query_offsets, document_offsets, pairs, rows);
  const int64_t D = q.shape[1];
  const Faults bad = faults_of(context);
  by_float(q.dtype, [&]<class T>() {
    launch(context, score_pairs<T>, dim3(static_cast<unsigned>(all.count)), dim3(tile_threads), TokenTile<T>::bytes(),
           as<float>(scores), as<int32_t>(rows), as<T>(q), as<T>(d), static_cast<int>(D),
           packs(as<T>(q), D) && packs(as<T>(d), D), all, bad);
  });
}

void max_sim_backward(Context& context, OptionalOut dq, OptionalOut dd, View dscores, View rows, View q, View d,
                      View query_offsets, View document_offsets, Optional pairs) {
  const Interaction all = interaction_of(q, d, query_offsets, document_offsets, pairs, rows);
  const int64_t D = q.shape[1];
  by_float(q.dtype, [&]<class T>() {
    if (present(dq)) {
      const dim3 grid(static_cast<unsigned>(ceil_div(all.Tq, 4)),
                      static_cast<unsigned>(ceil_div(D, channels_of_token)));
      launch(context, add_to_queries<T>, grid, dim3(4 * warp), 0, as<T>(dq), as<float>(dscores), as<int32_t>(rows),
             as<T>(d), static_cast<int>(D), all);
    }
    if (!present(dd)) return;
    auto* sums = static_cast<float*>(scratch(context, all.Td > document_rows ? all.Td * D * 4 : 0));
    const dim3 grid(static_cast<unsigned>(all.N), static_cast<unsigned>(ceil_div(D, warp)));
    launch(context, add_to_documents<T>, grid, dim3(warp), min<int64_t>(all.Td, document_rows) * warp * 4, as<T>(dd),
           sums, as<float>(dscores), as<int32_t>(rows), as<T>(q), static_cast<int>(D), all);
  });
}

}  // namespace ettin::ETTIN_LEVEL
