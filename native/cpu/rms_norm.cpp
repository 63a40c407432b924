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

// R rows side by side, as in layer_norm.cpp.
template <int R, class T>
void forward_rows(bool past, T* y, float* rstds, const T* x, const float* w, int64_t C, double eps, float* room) {
  const float* s[R];
  for (int r = 0; r < R; r++) s[r] = widened(x + r * C, room, r, C);
  float sums[R];
  row_sums<R>(sums, C, [&](vf* acc, int64_t c, int64_t m) {
    for (int r = 0; r < R; r++) {
      const vf v = widen(s[r], x + r * C, c, m);
      acc[r] = fma(v, v, acc[r]);
    }
  });
  for (int r = 0; r < R; r++) {
    rstds[r] = reciprocal_std(sums[r] / static_cast<float>(C), eps);
    const vf scale = set(rstds[r]);
    store_row(past, y + r * C, C,
              [&](int64_t c, int64_t m) { return mul(mul(load(s[r] + c, m), scale), load(w + c, m)); });
  }
}

template <class T>
void backward_row(bool past, T* dx, float* dw, const T* dy, const T* dsum, const T* s, float rstd, const float* w,
                  int64_t C) {
  const vf scale = set(rstd);
  const float product = row_sum(C, [&](vf acc, int64_t c, int64_t m) {
    const vf d = load(dy + c, m);
    const vf n = mul(load(s + c, m), scale);
    store(dw + c, fma(d, n, load(dw + c, m)), m);
    return fma(mul(d, load(w + c, m)), n, acc);
  });
  const vf along = set(product / static_cast<float>(C));
  store_row(past, dx, C, [&](int64_t c, int64_t m) {
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
  const bool past = past_cache(y);
  const int64_t grain = rows_per_task(C), room = 2 * round_up(C, 16);
  float* wide = static_cast<float*>(scratch(context, workers(context) * room * 4));
  by_float(x.dtype, [&]<class X>() {
    parallel_for(context, ceil_div(T, grain), [&](int64_t task, int worker) {
      const auto run = [&]<int R>(int64_t t) {
        const X* s = as<X>(x) + t * C;
        if (present(residual)) {
          X* out = as<X>(sum) + t * C;
          add_residual(out, s, as<X>(residual) + t * C, R * C);
          s = out;
        }
        forward_rows<R>(past, as<X>(y) + t * C, as<float>(rstd) + t, s, w, C, eps, wide + worker * room);
      };
      int64_t t = task * grain;
      const int64_t end = min(T, t + grain);
      for (; t + 2 <= end; t += 2) run.template operator()<2>(t);
      if (t < end) run.template operator()<1>(t);
      stream_end();
    });
  });
}

void rms_norm_backward(Context& context, Out dx, OptionalInOut dweight, View dy, Optional dsum, View s, View rstd,
                       Optional weight, bool accumulate) {
  const int64_t T = rows(s), C = last(s), pieces = ceil_div(T, norm_piece);
  const float* w = norm_weight(context, weight, C, 1.0f);
  const bool past = past_cache(dx);
  float* dw = static_cast<float*>(scratch(context, pieces * C * 4));
  by_float(s.dtype, [&]<class X>() {
    parallel_for(context, pieces, [&](int64_t p, int) {
      for (int64_t c = 0; c < C; c += lanes) store(dw + p * C + c, zero(), C - c);
      for (int64_t t = p * norm_piece; t < min(T, (p + 1) * norm_piece); t++) {
        backward_row(past, as<X>(dx) + t * C, dw + p * C, as<X>(dy) + t * C,
                     present(dsum) ? as<X>(dsum) + t * C : nullptr, as<X>(s) + t * C, as<float>(rstd)[t], w, C);
      }
      stream_end();
    });
  });
  if (present(dweight)) add_pieces(context, as<float>(dweight), dw, pieces, C, 1.0f, accumulate);
}

}  // namespace ettin::ETTIN_LEVEL
