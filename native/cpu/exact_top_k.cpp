// exact_top_k: for each query the k best rows of a corpus, by a full scan.
//
//   score(q, n) = queries[q] · corpus[n]              corpus [N,D] float32, bfloat16 or int8
//   score(q, n) = -(bits in which they differ)        corpus [N,D/8] uint8: a row's signs, 8 to a byte, the first
//                                                     dimension in the highest bit; a query's bit is x > 0
//   queries [Q,D] float32   scores [Q,k] float32, descending   ids [Q,k] int32
//
// Equal scores: the lower row first. Rows past the corpus (k > N) are id -1 with score -infinity, and a NaN
// score is never returned. The corpus is read once for all queries of a batch. "Better" is a strict order, so
// the k best are the same set whichever worker saw which rows.
#include "dot_tile.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Hit {
  float score;
  int32_t id;
};
inline bool better(Hit a, Hit b) { return a.score > b.score || (a.score == b.score && a.id < b.id); }

// The k best seen so far, as a heap with the worst on top.
struct Best {
  Hit* heap;
  int64_t count;

  void sink(int64_t at, Hit hit) {  // puts hit at `at` or below
    for (;;) {
      int64_t child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && better(heap[child], heap[child + 1])) child++;
      if (!better(hit, heap[child])) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = hit;
  }
  void offer(Hit hit, int64_t k) {
    if (count == k) {
      if (better(hit, heap[0])) sink(0, hit);
      return;
    }
    int64_t at = count++;
    while (at > 0 && better(heap[(at - 1) / 2], hit)) {
      heap[at] = heap[(at - 1) / 2];
      at = (at - 1) / 2;
    }
    heap[at] = hit;
  }
  Hit take_worst() {
    const Hit worst = heap[0];
    const Hit moved = heap[--count];
    if (count > 0) sink(0, moved);
    return worst;
  }
};

constexpr int64_t block_rows = 64;   // scored together, while they are in the cache
constexpr int64_t task_rows = 1024;  // read by one worker
constexpr int64_t batch = 256;       // queries that share one reading of the corpus: by then products take longer

// Sign bits of a query, as the corpus stores them.
void pack_signs(uint8_t* bits, const float* x, int64_t D) {
  for (int64_t byte = 0; byte < D / 8; byte++) {
    int packed = 0;
    for (int i = 0; i < 8; i++) packed = packed << 1 | (x[byte * 8 + i] > 0.0f ? 1 : 0);
    bits[byte] = static_cast<uint8_t>(packed);
  }
}

int64_t differing_bits(const uint8_t* a, const uint8_t* b, int64_t bytes) {
  int64_t count = 0;
  int64_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    uint64_t x, y;
    __builtin_memcpy(&x, a + i, 8);
    __builtin_memcpy(&y, b + i, 8);
    count += __builtin_popcountll(x ^ y);
  }
  for (; i < bytes; i++) count += __builtin_popcount(static_cast<unsigned>(a[i] ^ b[i]));
  return count;
}

template <class Tq, class Tc>
void score_block(float* scores, const Tq* queries, int64_t Q, const Tc* corpus, int64_t N, int64_t D) {
  dot_block(scores, block_rows, queries, Q, corpus, N, D);
}
template <>
void score_block(float* scores, const uint8_t* queries, int64_t Q, const uint8_t* corpus, int64_t N, int64_t bytes) {
  for (int64_t q = 0; q < Q; q++) {
    for (int64_t n = 0; n < N; n++) {
      scores[q * block_rows + n] = -static_cast<float>(differing_bits(queries + q * bytes, corpus + n * bytes, bytes));
    }
  }
}

// `row` counts elements of a corpus row: D, or D/8 bytes of bits. out has k places a query.
template <class Tq, class Tc>
void search_batch(Context& context, Hit* out, Hit* heaps, Best* best, float* tiles, const Tq* queries, int64_t Q,
                  const Tc* corpus, int64_t N, int64_t row, int64_t k) {
  const int64_t W = workers(context);
  const int64_t kept = min(k, N);
  for (int64_t i = 0; i < W * Q; i++) best[i] = {heaps + i * kept, 0};

  parallel_for(context, ceil_div(N, task_rows), [&](int64_t task, int worker) {
    float* tile = tiles + worker * Q * block_rows;
    const int64_t end = min(N, (task + 1) * task_rows);
    for (int64_t n = task * task_rows; n < end; n += block_rows) {
      const int64_t count = min(block_rows, end - n);
      score_block(tile, queries, Q, corpus + n * row, count, row);
      for (int64_t q = 0; q < Q; q++) {
        Best& b = best[worker * Q + q];
        const float* scores = tile + q * block_rows;
        for (int64_t i = 0; i < count; i++) {
          if (b.count == kept && !(scores[i] >= b.heap[0].score)) continue;
          if (scores[i] == scores[i]) b.offer({scores[i], static_cast<int32_t>(n + i)}, kept);
        }
      }
    }
  });
  parallel_for(context, Q, [&](int64_t q, int) {
    Best all = best[q];
    for (int64_t w = 1; w < W; w++) {
      const Best& b = best[w * Q + q];
      for (int64_t i = 0; i < b.count; i++) all.offer(b.heap[i], kept);
    }
    for (int64_t i = all.count; i < k; i++) out[q * k + i] = {-__builtin_inff(), -1};
    while (all.count > 0) {
      const int64_t place = all.count - 1;
      out[q * k + place] = all.take_worst();
    }
  });
}

template <class Tq, class Tc>
void search(Context& context, Hit* out, const Tq* queries, int64_t Q, const Tc* corpus, int64_t N, int64_t row,
            int64_t k) {
  const int64_t places = workers(context) * min(Q, batch);
  Hit* heaps = static_cast<Hit*>(scratch(context, places * min(k, N) * static_cast<int64_t>(sizeof(Hit))));
  Best* best = static_cast<Best*>(scratch(context, places * static_cast<int64_t>(sizeof(Best))));
  float* tiles = static_cast<float*>(scratch(context, places * block_rows * static_cast<int64_t>(sizeof(float))));
  for (int64_t q = 0; q < Q; q += batch) {
    search_batch(context, out + q * k, heaps, best, tiles, queries + q * row, min(batch, Q - q), corpus, N, row, k);
  }
}

}  // namespace

void exact_top_k(Context& context, Out scores, Out ids, View queries, Stored corpus) {
  const int64_t Q = queries.shape[0], D = queries.shape[1], N = corpus.shape[0], k = scores.shape[1];
  if (Q == 0 || k == 0) return;
  Hit* hits = static_cast<Hit*>(scratch(context, Q * k * static_cast<int64_t>(sizeof(Hit))));
  const float* q = as<float>(queries);
  switch (corpus.dtype) {
    case DType::uint8: {
      uint8_t* bits = static_cast<uint8_t*>(scratch(context, Q * D / 8));
      for (int64_t i = 0; i < Q; i++) pack_signs(bits + i * (D / 8), q + i * D, D);
      search(context, hits, bits, Q, as<uint8_t>(corpus), N, D / 8, k);
      break;
    }
    case DType::int8:
      search(context, hits, q, Q, as<int8_t>(corpus), N, D, k);
      break;
    case DType::bfloat16:
      search(context, hits, q, Q, as<bf16>(corpus), N, D, k);
      break;
    default:
      search(context, hits, q, Q, as<float>(corpus), N, D, k);
  }
  for (int64_t i = 0; i < Q * k; i++) {
    as<float>(scores)[i] = hits[i].score;
    as<int32_t>(ids)[i] = hits[i].id;
  }
}

}  // namespace ettin::ETTIN_LEVEL
