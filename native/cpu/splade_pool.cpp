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
// f grows, so the maximum is taken of the scores and f applied once. Forward goes by blocks of the vocabulary
// whose scores fit `block_bytes`; backward touches only the rows that won. A NaN score wins, so that it is seen.
#include "add_row.h"
#include "elementary.h"
#include "gemm.h"
#include "segments.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t block_bytes = int64_t{16} << 20;
constexpr int64_t max_columns = 64;         // of a block that one task pools
constexpr int64_t words_per_task = 64;      // of dw
constexpr int64_t channels_per_task = 128;  // of dx
constexpr int64_t sequences_per_task = 8;   // of dx: they share one reading of w

// scores: columns of the block, `stride` apart from row to row, starting at row 0.
void pool(float* y, int32_t* rows, const float* scores, int64_t stride, int64_t begin, int64_t end, int64_t columns,
          bool log_twice) {
  for (int64_t c = 0; c < columns; c += lanes) {
    const int64_t n = columns - c;
    vf best = zero();
    vi row = set_int(-1);
    for (int64_t t = begin; t < end; t++) {
      const vf s = load(scores + t * stride + c, n);
      const mask wins = either(less(best, s), both(is_nan(s), equal(best, best)));
      best = select(wins, s, best);
      row = select(wins, set_int(static_cast<int32_t>(t)), row);
    }
    best = log1p(best);
    store(y + c, log_twice ? log1p(best) : best, n);
    int32_t winners[lanes];
    store(winners, row);
    for (int64_t i = 0; i < min<int64_t>(n, lanes); i++) rows[c + i] = winners[i];
  }
}

// dscores from dy: y = log(1 + s) has the slope 1 / (1 + s) = exp(-y), and so has each of two logs.
void slope(float* d, const float* dy, const float* y, const int32_t* rows, int64_t n, bool log_twice) {
  for (int64_t i = 0; i < n; i += lanes) {
    const vf yi = load(y + i, n - i);
    vf f = exp(sub(zero(), yi));
    if (log_twice) f = mul(f, exp(sub(set(1.0f), exp(yi))));  // the inner log is exp(y) - 1
    store(d + i, mul(f, load(dy + i, n - i)), n - i);
  }
  for (int64_t i = 0; i < n; i++) {
    if (rows[i] < 0) d[i] = 0.0f;
  }
}

struct Words {  // what backward goes through: dscores and rows, both [B,V]
  const float* d;
  const int32_t* rows;
  int64_t B, V;
};

template <class T>
void add_to_weight(Context& context, const View& dw, const Words& words, const T* x, int64_t D, bool accumulate) {
  parallel_chunks(context, words.V, words_per_task, [&](int64_t begin, int64_t end) {
    float* out = as<float>(dw);
    if (!accumulate) zero_bytes(out + begin * D, (end - begin) * D * 4);
    for (int64_t b = 0; b < words.B; b++) {
      for (int64_t v = begin; v < end; v++) {
        const int32_t row = words.rows[b * words.V + v];
        if (row >= 0) add_row(out + v * D, x + row * D, words.d[b * words.V + v], D);
      }
    }
  });
}

template <class T>
void add_to_input(Context& context, float* dx, const Words& words, const T* w, const Segments& s, int64_t D) {
  const int64_t pieces = ceil_div(D, channels_per_task);
  parallel_for(context, pieces * ceil_div(words.B, sequences_per_task), [&](int64_t task, int) {
    const int64_t c = task % pieces * channels_per_task, channels = min(channels_per_task, D - c);
    const int64_t first = task / pieces * sequences_per_task, last = min(words.B, first + sequences_per_task);
    for (int64_t t = s.begin(first); t < s.end(last - 1); t++) zero_bytes(dx + t * D + c, channels * 4);
    for (int64_t begin = 0; begin < words.V; begin += words_per_task) {
      const int64_t end = min(words.V, begin + words_per_task);
      for (int64_t b = first; b < last; b++) {
        for (int64_t v = begin; v < end; v++) {
          const int32_t row = words.rows[b * words.V + v];
          if (row >= 0) add_row(dx + row * D + c, w + v * D + c, words.d[b * words.V + v], channels);
        }
      }
    }
  });
}

void add_to_bias(Context& context, const View& dbias, const Words& words, bool accumulate) {
  parallel_chunks(context, words.V, int64_t{1024}, [&](int64_t begin, int64_t end) {
    float* out = as<float>(dbias);
    if (!accumulate) zero_bytes(out + begin, (end - begin) * 4);
    for (int64_t b = 0; b < words.B; b++) add_row(out + begin, words.d + b * words.V + begin, 1.0f, end - begin);
  });
}

}  // namespace

void splade_pool_forward(Context& context, Out y, Out rows, View x, View w, Optional bias, View offsets,
                         bool log_twice) {
  const Matrix xm = as_matrix(x), wm = as_matrix(w);
  const int64_t T = xm.rows, V = wm.rows;
  const Segments s = segments_of(offsets, Optional{}, T);
  const float* b = float_bias(context, bias);
  const Workspace workspace = gemm_workspace(context);
  const int64_t width = min(V, max(max_columns, block_bytes / 4 / max<int64_t>(T, 1) / max_columns * max_columns));
  float* scores = static_cast<float*>(scratch(context, T * width * 4));

  for (int64_t v = 0; v < V; v += width) {
    const int64_t n = min(width, V - v);
    const Matrix block_scores{scores, DType::float32, T, n, n, 1};
    if (T > 0) {
      gemm(context, workspace, block_scores, xm, transposed(block(wm, v, n, 0, wm.cols)), b ? b + v : nullptr, false);
    }
    const int64_t pieces = ceil_div(n, max_columns);
    parallel_for(context, s.count * pieces, [&](int64_t task, int) {
      const int64_t q = task / pieces, c = task % pieces * max_columns;
      pool(as<float>(y) + q * V + v + c, as<int32_t>(rows) + q * V + v + c, scores + c, n, s.begin(q), s.end(q),
           min(max_columns, n - c), log_twice);
    });
  }
}

void splade_pool_backward(Context& context, OptionalOut dx, OptionalInOut dw, OptionalInOut dbias, View dy, View y,
                          View rows, View x, View w, View offsets, bool log_twice, bool accumulate_weight,
                          bool accumulate_bias) {
  const int64_t T = x.shape[0], D = x.shape[1], V = w.shape[0], B = y.shape[0];
  const Segments s = segments_of(offsets, Optional{}, T);
  float* d = static_cast<float*>(scratch(context, B * V * 4));
  parallel_for(context, B, [&](int64_t b, int) {
    slope(d + b * V, as<float>(dy) + b * V, as<float>(y) + b * V, as<int32_t>(rows) + b * V, V, log_twice);
  });
  const Words words{d, as<int32_t>(rows), B, V};
  if (present(dbias)) add_to_bias(context, dbias, words, accumulate_bias);
  if (present(dw)) {
    by_float(x.dtype, [&]<class X>() { add_to_weight(context, dw, words, as<X>(x), D, accumulate_weight); });
  }
  if (!present(dx)) return;
  float* sums = sums_for(context, dx);
  by_float(w.dtype, [&]<class W>() { add_to_input(context, sums, words, as<W>(w), s, D); });
  store_sums(context, dx, sums);
}

}  // namespace ettin::ETTIN_LEVEL
