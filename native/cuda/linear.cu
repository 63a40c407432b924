// linear: y = x · wᵀ + bias, the projection of every layer.
//
//   forward          y[t,n]  = bias[n] + sum_k x[t,k] w[n,k]
//   backward_input   dx[t,k] = sum_n dy[t,n] w[n,k]
//   backward_weight  dw[n,k] = sum_t dy[t,n] x[t,k]     (+ dw)
//   backward_bias    db[n]   = sum_t dy[t,n]            (+ db)
//
//   x, dx [T,K]   w [N,K]   y, dy [T,N]   bias, db [N]; dw and db are float32
//
// The products are gemm.h's. x's dtype (dy's in backward) is the precision: with bfloat16 x a float32 w takes part
// rounded to bfloat16, from a copy that forward and backward share until the optimizer writes the weight.
#include "column_sum.h"
#include "gemm.h"

namespace ettin::ETTIN_LEVEL {

namespace {

// x as a matrix of `dtype`.
Matrix matrix_in(Context& context, const View& x, DType dtype) {
  Matrix m = matrix_of(x);
  if (x.dtype == dtype) return m;
  m.data = scratch(context, size_of(x) * (dtype == DType::bfloat16 ? 2 : 4));
  m.dtype = dtype;
  cast(context, m.data, dtype, x.data, x.dtype, size_of(x));
  return m;
}

}  // namespace

void linear_forward(Context& context, Out y, View x, Weight w, Optional bias) {
  Product product{.y = matrix_of(y), .a = matrix_of(x), .b = transposed(weight_in(context, w, x.dtype))};
  if (present(bias)) {
    product.bias = bias.data;
    product.bias_dtype = bias.dtype;
  }
  multiply(context, product);
}

void linear_backward_input(Context& context, Out dx, View dy, View w) {
  multiply(context, {.y = matrix_of(dx), .a = matrix_of(dy), .b = weight_in(context, w, dy.dtype)});
}

void linear_backward_weight(Context& context, InOut dw, View dy, View x, bool accumulate) {
  multiply(context, {.y = matrix_of(dw),
                     .a = transposed(matrix_of(dy)),
                     .b = matrix_in(context, x, dy.dtype),
                     .accumulate = accumulate});
}

void linear_backward_bias(Context& context, InOut db, View dy, bool accumulate) {
  const Axis axis{1, rows(dy), last(dy)};
  by_float(dy.dtype, [&]<class T>() {
    const Elements<T> source{as<T>(dy), axis.inner};
    if (packs(as<T>(dy), axis.inner)) {
      sum_columns<float, Pack<T>::size>(context, as<float>(db), source, axis, 1.0f, accumulate);
    } else {
      sum_columns<float, 1>(context, as<float>(db), source, axis, 1.0f, accumulate);
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
