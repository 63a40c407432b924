#include "corpus_scores.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int threads = 256;
constexpr int64_t score_align = 32;  // rows of scores start at a multiple of it
constexpr int bit_queries = 8;       // that share a reading of the corpus's bits

// parts[p,q,d]: x cut into pieces of 8 significant bits, which bfloat16 holds exactly.
__global__ void cut_queries(bf16* parts, const float* x, int64_t n) {
  for (int64_t i = thread_of_grid(); i < n; i += threads_of_grid()) {
    float rest = x[i];
    for (int p = 0; p < 3; p++) {
      const bool finite = fabsf(rest) < __builtin_inff();
      const bf16 part = finite ? bf16{static_cast<uint16_t>(__float_as_uint(rest) >> 16)} : to_bf16(rest);
      parts[p * n + i] = part;
      rest = finite ? rest - to_float(part) : 0.0f;
    }
  }
}

__global__ void widen(bf16* to, const int8_t* from, int64_t n) {
  for (int64_t i = thread_of_grid() * 4; i < n; i += threads_of_grid() * 4) {
    const int64_t end = min(n, i + 4);
    for (int64_t j = i; j < end; j++) to[j] = to_bf16(static_cast<float>(from[j]));
  }
}

// A query's sign bits, as the corpus stores them.
__global__ void pack_signs(uint8_t* bits, const float* x, int64_t bytes) {
  for (int64_t i = thread_of_grid(); i < bytes; i += threads_of_grid()) {
    int packed = 0;
    for (int b = 0; b < 8; b++) packed = packed << 1 | (x[i * 8 + b] > 0.0f ? 1 : 0);
    bits[i] = static_cast<uint8_t>(packed);
  }
}

__device__ __forceinline__ int differing(unsigned a, unsigned b) { return __popc(a ^ b); }
__device__ __forceinline__ int differing(uint4 a, uint4 b) {
  return __popc(a.x ^ b.x) + __popc(a.y ^ b.y) + __popc(a.z ^ b.z) + __popc(a.w ^ b.w);
}

// scores[q,n] = -(bits in which query q and row n differ); a thread has a row and bit_queries queries. Word: how the
// bytes may be read; the larger, the fewer readings of a warp's 32 rows, which lie apart.
template <class Word>
__global__ void __launch_bounds__(threads) count_differences(float* scores, int64_t stride, const Word* queries,
                                                             int64_t Q, const Word* corpus, int64_t rows, int words) {
  const int64_t n = int64_t{blockIdx.x} * threads + threadIdx.x, first = int64_t{blockIdx.y} * bit_queries;
  if (n >= rows) return;
  int count[bit_queries] = {};
  for (int w = 0; w < words; w++) {
    const Word row = corpus[n * words + w];
#pragma unroll
    for (int q = 0; q < bit_queries; q++) {
      const int64_t query = min(first + q, Q - 1);
      count[q] += differing(row, queries[query * words + w]);
    }
  }
#pragma unroll
  for (int q = 0; q < bit_queries; q++) {
    if (first + q < Q) scores[(first + q) * stride + n] = -static_cast<float>(count[q]);
  }
}

}  // namespace

int64_t CorpusScores::piece_rows(int64_t queries, int64_t bytes) const {
  const int64_t of_row = queries * parts() * 4 + widened_bytes();
  return max(bytes / of_row / score_align * score_align, score_align);
}

QueryParts CorpusScores::prepare(Context& context, const float* queries, int64_t Q) const {
  const int64_t n = Q * D_;
  if (corpus_.dtype == DType::uint8) {
    auto* bits = static_cast<uint8_t*>(scratch(context, n / 8));
    launch(context, pack_signs, blocks_for(n / 8, threads), dim3(threads), 0, bits, queries, n / 8);
    return {bits, Q};
  }
  if (parts() == 1) return {const_cast<float*>(queries), Q};
  auto* cut = static_cast<bf16*>(scratch(context, query_parts * n * 2));
  launch(context, cut_queries, blocks_for(n, threads), dim3(threads), 0, cut, queries, n);
  return {cut, Q};
}

void* CorpusScores::space(Context& context, int64_t queries, int64_t rows) const {
  return scratch(context, round_up(rows, score_align) * queries * parts() * 4 + rows * widened_bytes());
}

PieceScores CorpusScores::score(Context& context, const QueryParts& queries, void* space, int64_t first,
                                int64_t rows) const {
  const int64_t Q = queries.queries, stride = round_up(rows, score_align), all = parts() * Q;
  auto* scores = static_cast<float*>(space);
  const PieceScores made{scores, stride, Q, parts()};
  if (corpus_.dtype == DType::uint8) {
    const int64_t bytes = D_ / 8;
    const dim3 grid(static_cast<unsigned>(ceil_div(rows, threads)), static_cast<unsigned>(ceil_div(Q, bit_queries)));
    const uint8_t* piece = as<uint8_t>(corpus_) + first * bytes;
    const auto count = [&]<class Word>() {
      launch(context, count_differences<Word>, grid, dim3(threads), 0, scores, stride,
             static_cast<const Word*>(queries.data), Q, reinterpret_cast<const Word*>(piece), rows,
             static_cast<int>(bytes / static_cast<int64_t>(sizeof(Word))));
    };
    const auto start = reinterpret_cast<uintptr_t>(piece);
    if (bytes % 16 == 0 && start % 16 == 0) {
      count.template operator()<uint4>();
    } else if (bytes % 4 == 0 && start % 4 == 0) {
      count.template operator()<uint32_t>();
    } else {
      count.template operator()<uint8_t>();
    }
    return made;
  }

  const bool half = parts() > 1;
  const DType dtype = half ? DType::bfloat16 : DType::float32;
  Matrix piece{nullptr, dtype, rows, D_, D_};
  if (corpus_.dtype == DType::int8) {
    auto* wide = reinterpret_cast<bf16*>(scores + all * stride);
    const int64_t n = rows * D_;
    launch(context, widen, blocks_for(n, 4 * threads), dim3(threads), 0, wide, as<int8_t>(corpus_) + first * D_, n);
    piece.data = wide;
  } else {
    piece.data = as<char>(corpus_) + first * D_ * (half ? 2 : 4);
  }
  multiply(context, {.y = {scores, DType::float32, all, rows, stride},
                     .a = {queries.data, dtype, all, D_, D_},
                     .b = transposed(piece)});
  return made;
}

}  // namespace ettin::ETTIN_LEVEL
