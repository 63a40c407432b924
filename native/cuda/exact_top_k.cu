// exact_top_k: for each query the k best rows of a corpus, by a full scan.
//
//   score(q, n) = queries[q] · corpus[n]              corpus [N,D] float32, bfloat16 or int8
//   score(q, n) = -(bits in which they differ)        corpus [N,D/8] uint8: a row's signs, 8 to a byte, the first
//                                                     dimension in the highest bit; a query's bit is x > 0
//   queries [Q,D] float32   scores [Q,k] float32, descending   ids [Q,k] int32
//
// Equal scores: the lower row first. Rows past the corpus (k > N) are id -1 with score -infinity, and a NaN score is
// never returned. The corpus is read once for 256 queries, by pieces whose scores fit `score_bytes`.
//
// A bfloat16 corpus, and an int8 one, which bfloat16 holds exactly, are multiplied by tensor cores: a query is the sum
// of three bfloat16 parts, whose products and their float32 sums lose nothing that float32 would keep. The best of a
// piece are found in segments, those of the segments and of the pieces before again, until one list is left.
#include "corpus_scores.h"
#include "largest.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t query_batch = 256;
constexpr int64_t score_bytes = int64_t{128} << 20;
constexpr int64_t segment = 8192;              // candidates that one block looks through
constexpr int64_t segment_most = segment / 2;  // of the best that a segment may keep; for more, one block takes all
constexpr int threads = 512;

// The scores of a piece of the corpus as candidates.
struct ScoredRows {
  PieceScores scores;
  int64_t first;  // row of the corpus
  __device__ __forceinline__ Candidate at(int64_t q, int64_t i) const {
    const float s = scores.at(q, i);
    return s != s ? 0 : candidate(s, first + i);
  }
};
// The best of segments, a list of `stride` for each query.
struct Lists {
  const Candidate* items;
  int64_t stride;
  __device__ __forceinline__ Candidate at(int64_t q, int64_t i) const { return items[q * stride + i]; }
};

template <class Source>
struct PartOf {
  const Source& source;
  int64_t q, begin;
  __device__ __forceinline__ Candidate operator()(int64_t i) const { return source.at(q, begin + i); }
};

// The k best of each segment of `size` among a query's n candidates, in any order, to out[q * stride + segment * k];
// zeros where there are fewer. A block has a segment of a query.
template <class Source>
__global__ void __launch_bounds__(threads)
    select(Candidate* out, int64_t stride, Source source, int64_t n, int64_t size, int64_t k) {
  __shared__ int filled;
  const int64_t q = blockIdx.y, begin = blockIdx.x * size, count = min(size, n - begin);
  const PartOf<Source> part{source, q, begin};
  out += q * stride + blockIdx.x * k;
  if (threadIdx.x == 0) filled = 0;
  const Candidate least = threshold(part, count, min(k, count));
  __syncthreads();
  for (int64_t i = threadIdx.x; i < count; i += threads) {
    const Candidate c = part(i);
    if (c != 0 && c >= least) out[atomicAdd(&filled, 1)] = c;
  }
  __syncthreads();
  for (int64_t i = filled + static_cast<int64_t>(threadIdx.x); i < k; i += threads) out[i] = 0;
}

// One block, one query: its list in order. `kept` of k places have a candidate at most; m is the power of two not below
// `kept`. `space` [Q,m] where that has no room in shared memory.
__global__ void __launch_bounds__(most_sorting)
    write_best(float* scores, int32_t* ids, Lists best, Candidate* space, int64_t kept, int64_t m, int64_t k) {
  const int64_t q = blockIdx.x;
  Candidate* list = space ? space + q * m : shared_memory<Candidate>();
  for (int64_t i = threadIdx.x; i < m; i += blockDim.x) list[i] = i < kept ? best.at(q, i) : 0;
  sort(list, m);
  for (int64_t i = threadIdx.x; i < k; i += blockDim.x) {
    const Candidate c = i < kept ? list[i] : 0;
    scores[q * k + i] = c ? score_of(c) : -__builtin_inff();
    ids[q * k + i] = c ? index_of(c) : -1;
  }
}

int64_t power_of_two(int64_t n) {  // not below n
  int64_t m = 1;
  while (m < n) m *= 2;
  return m;
}

// Scratch for a batch of queries.
struct Room {
  int64_t piece;  // rows of the corpus that are scored at once
  int64_t size;   // of a segment
  int64_t most;   // of a list: the best so far, then those of segments
  Candidate *lists, *others, *sorted;
  void* scores;
};

// The best of up to query_batch queries.
void search(Context& context, float* scores, int32_t* ids, const CorpusScores& corpus, const float* queries, int64_t Q,
            int64_t k, const Room& room) {
  const int64_t N = corpus.rows(), kept = min(k, N), most = room.most, size = room.size;
  Candidate *lists = room.lists, *others = room.others;
  check(cudaMemsetAsync(lists, 0, static_cast<size_t>(Q * most * 8), stream_of(context)), "zeros");
  const QueryParts parts = corpus.prepare(context, queries, Q);

  for (int64_t first = 0; first < N; first += room.piece) {
    const int64_t rows = min(room.piece, N - first), segments = ceil_div(rows, size);
    const auto blocks = [&](int64_t count) { return dim3(static_cast<unsigned>(count), static_cast<unsigned>(Q)); };
    const ScoredRows scored{corpus.score(context, parts, room.scores, first, rows), first};
    launch(context, select<ScoredRows>, blocks(segments), dim3(threads), 0, lists + kept, most, scored, rows, size,
           kept);
    int64_t n = (1 + segments) * kept;
    Candidate *from = lists, *to = others;
    while (n > kept) {
      const int64_t left = ceil_div(n, size);
      launch(context, select<Lists>, blocks(left), dim3(threads), 0, to, most, Lists{from, most}, n, size, kept);
      n = left * kept;
      Candidate* const swapped = from;
      from = to;
      to = swapped;
    }
    lists = from;
    others = to;
  }

  const int64_t m = power_of_two(kept);
  launch(context, write_best, blocks_for(Q, 1), dim3(m < 2 * most_sorting ? 256 : most_sorting),
         room.sorted ? 0 : m * 8, scores, ids, Lists{lists, most}, room.sorted, kept, m, k);
}

}  // namespace

void exact_top_k(Context& context, Out scores, Out ids, View queries, Stored corpus) {
  const int64_t Q = queries.shape[0], D = queries.shape[1], k = scores.shape[1];
  if (Q == 0 || k == 0) return;
  const CorpusScores all(corpus, D);
  const int64_t N = all.rows(), kept = min(k, N), most_queries = min(query_batch, Q);
  Room room{};
  room.piece = min(N, all.piece_rows(most_queries, score_bytes));
  room.size = kept <= segment_most ? segment : N + kept;
  room.most = (1 + ceil_div(room.piece, room.size)) * kept;
  room.lists = static_cast<Candidate*>(scratch(context, most_queries * room.most * 8));
  room.others = static_cast<Candidate*>(scratch(context, most_queries * room.most * 8));
  const int64_t m = power_of_two(kept);
  if (m > sorted_in_shared) room.sorted = static_cast<Candidate*>(scratch(context, most_queries * m * 8));
  room.scores = all.space(context, most_queries, room.piece);
  for (int64_t q = 0; q < Q; q += query_batch) {
    search(context, as<float>(scores) + q * k, as<int32_t>(ids) + q * k, all, as<float>(queries) + q * D,
           min(query_batch, Q - q), k, room);
  }
}

}  // namespace ettin::ETTIN_LEVEL
