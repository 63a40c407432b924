// linear: y = x · wᵀ + bias, the projection of every layer.
//
//   forward          y[t,n]  = bias[n] + sum_k x[t,k] w[n,k]
//   backward_input   dx[t,k] = sum_n dy[t,n] w[n,k]
//   backward_weight  dw[n,k] = sum_t dy[t,n] x[t,k]     (+ dw)
//   backward_bias    db[n]   = sum_t dy[t,n]            (+ db)
//
//   x, dx [T,K]   w [N,K]   y, dy [T,N]   bias, db [N]; dw and db are float32
//
// The products are gemm.h's, so a token's y has the same bits in any batch. x's dtype (dy's in backward) is the
// precision: with bfloat16 x a float32 w takes part rounded to bfloat16. w is packed once for each of forward
// and backward_input, until the optimizer writes it.
#include "gemm.h"

namespace ettin::ETTIN_LEVEL {

void linear_forward(Context& context, Out y, View x, View w, Optional bias) {
  const Packed b = packed_weight(context, w, true, x.dtype);
  gemm(context, gemm_workspace(context), as_matrix(y), as_matrix(x), b, float_bias(context, bias), false);
}

void linear_backward_input(Context& context, Out dx, View dy, View w) {
  const Packed b = packed_weight(context, w, false, dy.dtype);
  gemm(context, gemm_workspace(context), as_matrix(dx), as_matrix(dy), b, nullptr, false);
}

void linear_backward_weight(Context& context, InOut dw, View dy, View x, bool accumulate) {
  gemm(context, gemm_workspace(context), as_matrix(dw), transposed(as_matrix(dy)), as_matrix(x), nullptr, accumulate);
}

// Sums of 64 rows, then the sum of those sums: short chains round less, and the chunks depend on T alone.
void linear_backward_bias(Context& context, InOut db, View dy, bool accumulate) {
  constexpr int64_t chunk = 64, strip = 16;  // rows, vectors
  const int64_t T = rows(dy), N = last(dy);
  by_float(dy.dtype, [&]<class Real>() {
    parallel_chunks(context, N, strip * lanes, [&](int64_t begin, int64_t end) {
      vf total[strip], sum[strip];
      const int64_t vectors = ceil_div(end - begin, int64_t{lanes});
      float* db_strip = as<float>(db) + begin;
      for (int64_t v = 0; v < vectors; v++) {
        total[v] = accumulate ? load(db_strip + v * lanes, end - begin - v * lanes) : zero();
      }
      for (int64_t t = 0; t < T; t += chunk) {
        for (int64_t v = 0; v < vectors; v++) sum[v] = zero();
        for (int64_t u = t; u < min(T, t + chunk); u++) {
          const Real* row = as<Real>(dy) + u * N + begin;
          for (int64_t v = 0; v < vectors; v++) sum[v] = add(sum[v], load(row + v * lanes, end - begin - v * lanes));
        }
        for (int64_t v = 0; v < vectors; v++) total[v] = add(total[v], sum[v]);
      }
      for (int64_t v = 0; v < vectors; v++) store(db_strip + v * lanes, total[v], end - begin - v * lanes);
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
