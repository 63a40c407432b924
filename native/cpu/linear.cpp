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
// precision: with bfloat16 x a float32 w takes part rounded to bfloat16. w is packed for each of forward and
// backward_input: in passing, or into a copy where it is read again before the optimizer writes it (packed_copy,
// context.h); where nothing but forward reads it, it lives packed.
#include "column_sum.h"
#include "weight_form.h"

namespace ettin::ETTIN_LEVEL {

void linear_forward(Context& context, Out y, View x, Weight w, Optional bias) {
  const Packed b = w.packed.data ? packed_weight(w.packed) : packed_weight(context, w, true, x.dtype);
  gemm(context, gemm_workspace(context), as_matrix(y), as_matrix(x), b, float_bias(context, bias), false);
}

void linear_backward_input(Context& context, Out dx, View dy, View w) {
  const Packed b = packed_weight(context, w, false, dy.dtype);
  gemm(context, gemm_workspace(context), as_matrix(dx), as_matrix(dy), b, nullptr, false);
}

void linear_backward_weight(Context& context, InOut dw, View dy, View x, bool accumulate) {
  gemm(context, gemm_workspace(context), as_matrix(dw), transposed(as_matrix(dy)), as_matrix(x), nullptr, accumulate);
}

void linear_backward_bias(Context& context, InOut db, View dy, bool accumulate) {
  const int64_t T = rows(dy), N = last(dy);
  const int64_t pieces = max<int64_t>(ceil_div(T, column_piece), 1), blocks = ceil_div(N, column_block);
  float* partials = static_cast<float*>(scratch(context, pieces * N * 4));
  by_float(dy.dtype, [&]<class Real>() {
    parallel_for(context, pieces * blocks, [&](int64_t task, int) {
      const int64_t piece = task / blocks, t = piece * column_piece, n = task % blocks * column_block;
      add_columns(partials + piece * N + n, as<Real>(dy) + t * N + n, min(column_piece, T - t),
                  min(column_block, N - n), N);
    });
  });
  add_pieces(context, as<float>(db), partials, pieces, N, 1.0f, accumulate);
}

}  // namespace ettin::ETTIN_LEVEL
