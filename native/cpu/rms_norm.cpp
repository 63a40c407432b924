/*
rms_norm: each row to mean square 1, then scaled per channel.

  s    = x + residual                          s = x where there is none
  rstd = 1 / sqrt(sum_c s[c]^2 / C + eps)      n[c] = s[c] rstd      y[c] = n[c] weight[c]

  g[c]  = dy[c] weight[c]
  dx[c] = rstd (g[c] - n[c] sum(g n) / C) + dsum[c]
  dweight[c] = sum_t dy[t,c] n[t,c]

  x, residual, sum, y, dy, dsum, dx [T,C]   rstd [T]   weight, dweight [C]

Roundings, sums and `accumulate` are those of layer_norm.cpp.
*/
#include "norm_rows.h"

namespace ettin::ETTIN_LEVEL {

namespace {

template <class T>
void forward_row(T* y, float* rstd_out, const T* s, const float* w, int64_t C, double eps) {
  const float squares = row_sum(C, [&](vf acc, int64_t c, int64_t m) {
    const vf v = load(s + c, m);
    return fma(v, v, acc);
  });
  *rstd_out = reciprocal_std(squares / static_cast<float>(C), eps);
  const vf scale = set(*rstd_out);
  store_row(y, C, [&](int64_t c, int64_t m) { return mul(mul(load(s + c, m), scale), load(w + c, m)); });
}

template <class T>
void backward_row(T* dx, float* dw, const T* dy, const T* dsum, const T* s, float rstd, const float* w, int64_t C) {
  const vf scale = set(rstd);
  const float product = row_sum(C, [&](vf acc, int64_t c, int64_t m) {
    const vf d = load(dy + c, m);
    const vf n = mul(load(s + c, m), scale);
    store(dw + c, fma(d, n, load(dw + c, m)), m);
    return fma(mul(d, load(w + c, m)), n, acc);
  });
  const vf along = set(product / static_cast<float>(C));
  store_row(dx, C, [&](int64_t c, int64_t m) {
    const vf n = mul(load(s + c, m), scale);
    vf d = mul(fnma(n, along, mul(load(dy + c, m), load(w + c, m))), scale);
    if (dsum) d = add(d, load(dsum + c, m));
    return d;
  });
}

}  // namespace

void rms_norm_forward(Context& context, Out y, OptionalOut sum, Out rstd, View x, Optional residual, Optional weight,
                      double eps) {
  const int64_t T = rows(x), C = last(x);
  const float* w = norm_weight(context, weight, C, 1.0f);
  by_float(x.dtype, [&]<class X>() {
    parallel_chunks(context, T, rows_per_task(C), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; t++) {
        const X* s = as<X>(x) + t * C;
        if (present(residual)) {
          X* out = as<X>(sum) + t * C;
          add_residual(out, s, as<X>(residual) + t * C, C);
          s = out;
        }
        forward_row(as<X>(y) + t * C, as<float>(rstd) + t, s, w, C, eps);
      }
    });
  });
}

void rms_norm_backward(Context& context, Out dx, OptionalInOut dweight, View dy, Optional dsum, View s, View rstd,
                       Optional weight, bool accumulate) {
  const int64_t T = rows(s), C = last(s), pieces = ceil_div(T, norm_piece);
  const float* w = norm_weight(context, weight, C, 1.0f);
  float* dw = static_cast<float*>(scratch(context, pieces * C * 4));
  by_float(s.dtype, [&]<class X>() {
    parallel_for(context, pieces, [&](int64_t p, int) {
      for (int64_t c = 0; c < C; c += lanes) store(dw + p * C + c, zero(), C - c);
      for (int64_t t = p * norm_piece; t < min(T, (p + 1) * norm_piece); t++) {
        backward_row(as<X>(dx) + t * C, dw + p * C, as<X>(dy) + t * C, present(dsum) ? as<X>(dsum) + t * C : nullptr,
                     as<X>(s) + t * C, as<float>(rstd)[t], w, C);
      }
    });
  });
  if (present(dweight)) add_pieces(context, as<float>(dweight), dw, pieces, C, 1.0f, accumulate);
}

}  // namespace ettin::ETTIN_LEVEL
