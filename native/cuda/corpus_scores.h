// Scores of queries against a piece of a corpus, of each of its types: see exact_top_k.cu.
#pragma once

#include "gemm.h"
#include "level.h"

namespace ettin::ETTIN_LEVEL {

// Scores [parts * queries, stride]: a query's score is the sum of its parts.
struct PieceScores {
  const float* data;
  int64_t stride, queries;
  int parts;

  __device__ __forceinline__ float at(int64_t q, int64_t i) const {
    float s = data[((parts - 1) * queries + q) * stride + i];  // the smallest part first
    for (int p = parts - 2; p >= 0; p--) s += data[(p * queries + q) * stride + i];
    return s;
  }
};

// Queries in the form in which they are multiplied.
struct QueryParts {
  void* data;
  int64_t queries;
};

class CorpusScores {
 public:
  CorpusScores(const View& corpus, int64_t D) : corpus_(corpus), D_(D) {}

  int64_t rows() const { return corpus_.shape[0]; }
  // How many rows' scores, and what else they need, fit `bytes`.
  int64_t piece_rows(int64_t queries, int64_t bytes) const;
  QueryParts prepare(Context& context, const float* queries, int64_t Q) const;
  // Scratch for score(), for up to so many.
  void* space(Context& context, int64_t queries, int64_t rows) const;
  PieceScores score(Context& context, const QueryParts& queries, void* space, int64_t first, int64_t rows) const;

 private:
  int64_t widened_bytes() const { return corpus_.dtype == DType::int8 ? 2 * D_ : 0; }  // of a row
  int parts() const { return corpus_.dtype == DType::bfloat16 || corpus_.dtype == DType::int8 ? query_parts : 1; }

  static constexpr int query_parts = 3;  // of 8 bits of the significand
  View corpus_;
  int64_t D_;
};

}  // namespace ettin::ETTIN_LEVEL
