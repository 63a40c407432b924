/*
layer_norm: each row to mean 0 and variance 1, then scaled and shifted per channel.

  s    = x + residual                          s = x where there is none
  mean = sum_c s[c] / C                        rstd = 1 / sqrt(sum_c (s[c] - mean)^2 / C + eps)
  n[c] = (s[c] - mean) rstd                    y[c] = n[c] weight[c] + bias[c]

  g[c]  = dy[c] weight[c]
  dx[c] = rstd (g[c] - sum(g) / C - n[c] sum(g n) / C) + dsum[c]
  dweight[c] = sum_t dy[t,c] n[t,c]            dbias[c] = sum_t dy[t,c]

  x, residual, sum, y, dy, dsum, dx [T,C]   mean, rstd [T]   weight, bias, dweight, dbias [C]

dx is the gradient of x and of residual. `sum` is rounded to its dtype before it is normalised: the fused
form gives the bits of an add followed by a norm. Statistics, dweight and dbias are float32. dx is written;
dweight and dbias are added to where `accumulate`. Derivation: docs/gradients/layer-norm.md.
*/
#include "norm_rows.h"

namespace ettin::ETTIN_LEVEL {

namespace {

template <class T>
void forward_row(T* y, float* mean_out, float* rstd_out, const T* x, const float* w, const float* b, int64_t C,
                 double eps, float* room) {
  const float* s;
  const float mean = row_sum_widened(s, x, C, room) / static_cast<float>(C);
  const vf center = set(mean);
  const float squares = row_sum(C, [&](vf acc, int64_t c, int64_t m) {
    const vf d = sub(load(s + c, m), center);
    return fma(d, d, acc);
  });
  const float rstd = reciprocal_std(squares / static_cast<float>(C), eps);
  *mean_out = mean;
  *rstd_out = rstd;
  const vf scale = set(rstd);
  store_row(y, C, [&](int64_t c, int64_t m) {
    const vf n = mul(sub(load(s + c, m), center), scale);
    return fma(n, load(w + c, m), load(b + c, m));
  });
}

// One row of dx; its part of dweight and dbias goes into dw and db [C].
template <class T>
void backward_row(T* dx, float* dw, float* db, const T* dy, const T* dsum, const T* s, float mean, float rstd,
                  const float* w, int64_t C) {
  const vf center = set(mean), scale = set(rstd);
  float sums[2];  // of g, of g n
  row_sums<2>(sums, C, [&](vf* acc, int64_t c, int64_t m) {
    const vf d = load(dy + c, m);
    const vf n = mul(sub(load(s + c, m), center), scale);
    const vf g = mul(d, load(w + c, m));
    acc[0] = add(acc[0], g);
    acc[1] = fma(g, n, acc[1]);
    store(dw + c, fma(d, n, load(dw + c, m)), m);
    store(db + c, add(load(db + c, m), d), m);
  });
  // dx = rstd g - (rstd sum(g n) / C) n - rstd sum(g) / C
  const vf along = set(rstd * (sums[1] / static_cast<float>(C)));
  const vf level = set(rstd * (sums[0] / static_cast<float>(C)));
  store_row(dx, C, [&](int64_t c, int64_t m) {
    const vf n = mul(sub(load(s + c, m), center), scale);
    vf d = sub(mul(mul(load(dy + c, m), load(w + c, m)), scale), fma(n, along, level));
    if (dsum) d = add(d, load(dsum + c, m));
    return d;
  });
}

}  // namespace

void layer_norm_forward(Context& context, Out y, OptionalOut sum, Out mean, Out rstd, View x, Optional residual,
                        Optional weight, Optional bias, double eps) {
  const int64_t T = rows(x), C = last(x);
  const float* w = norm_weight(context, weight, C, 1.0f);
  const float* b = norm_weight(context, bias, C, 0.0f);
  const int64_t grain = rows_per_task(C), room = round_up(C, 16);
  float* widened = static_cast<float*>(scratch(context, workers(context) * room * 4));
  by_float(x.dtype, [&]<class X>() {
    parallel_for(context, ceil_div(T, grain), [&](int64_t task, int worker) {
      for (int64_t t = task * grain; t < min(T, (task + 1) * grain); t++) {
        const X* s = as<X>(x) + t * C;
        if (present(residual)) {
          X* out = as<X>(sum) + t * C;
          add_residual(out, s, as<X>(residual) + t * C, C);
          s = out;
        }
        forward_row(as<X>(y) + t * C, as<float>(mean) + t, as<float>(rstd) + t, s, w, b, C, eps,
                    widened + worker * room);
      }
    });
  });
}

void layer_norm_backward(Context& context, Out dx, OptionalInOut dweight, OptionalInOut dbias, View dy, Optional dsum,
                         View s, View mean, View rstd, Optional weight, bool accumulate) {
  const int64_t T = rows(s), C = last(s), pieces = ceil_div(T, norm_piece);
  const float* w = norm_weight(context, weight, C, 1.0f);
  float* dw = static_cast<float*>(scratch(context, pieces * C * 4));
  float* db = static_cast<float*>(scratch(context, pieces * C * 4));
  by_float(s.dtype, [&]<class X>() {
    parallel_for(context, pieces, [&](int64_t p, int) {
      for (int64_t c = 0; c < C; c += lanes) {
        store(dw + p * C + c, zero(), C - c);
        store(db + p * C + c, zero(), C - c);
      }
      for (int64_t t = p * norm_piece; t < min(T, (p + 1) * norm_piece); t++) {
        backward_row(as<X>(dx) + t * C, dw + p * C, db + p * C, as<X>(dy) + t * C,
                     present(dsum) ? as<X>(dsum) + t * C : nullptr, as<X>(s) + t * C, as<float>(mean)[t],
                     as<float>(rstd)[t], w, C);
      }
    });
  });
  if (present(dweight)) add_pieces(context, as<float>(dweight), dw, pieces, C, 1.0f, accumulate);
  if (present(dbias)) add_pieces(context, as<float>(dbias), db, pieces, C, 1.0f, accumulate);
}

}  // namespace ettin::ETTIN_LEVEL
