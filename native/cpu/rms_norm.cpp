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

template <int R, class T>
void backward_rows(bool past, T* dx, float* dw, const T* dy, const T* dsum, const T* s, const float* rstds,
                   const float* w, int64_t C, float* room) {
  const int64_t wide = round_up(C, 16);
  vf scale[R];
  for (int r = 0; r < R; r++) scale[r] = set(rstds[r]);
  float sums[R];  // of g n
  row_sums<R>(sums, C, [&](vf* acc, int64_t c, int64_t m) {
    const vf weight = load(w + c, m);
    vf dweight = load(dw + c, m);
    for (int r = 0; r < R; r++) {
      const vf d = load(dy + r * C + c, m);
      const vf n = mul(load(s + r * C + c, m), scale[r]);
      const vf g = mul(d, weight);
      dweight = fma(d, n, dweight);
      acc[r] = fma(g, n, acc[r]);
      store(room + 2 * r * wide + c, n);
      store(room + (2 * r + 1) * wide + c, g);
    }
    store(dw + c, dweight, m);
  });
  for (int r = 0; r < R; r++) {
    const vf along = set(sums[r] / static_cast<float>(C));
    const float *n = room + 2 * r * wide, *g = n + wide;
    const auto value = [&](int64_t c) { return mul(fnma(load(n + c), along, load(g + c)), scale[r]); };
    if (dsum) {
      const T* more = dsum + r * C;
      store_row(past, dx + r * C, C, [&](int64_t c, int64_t m) { return add(value(c), load(more + c, m)); });
    } else {
      store_row(past, dx + r * C, C, [&](int64_t c, int64_t) { return value(c); });
    }
  }
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
      each_rows(task * grain, min(T, (task + 1) * grain), [&]<int R>(int64_t t) {
        const X* s = as<X>(x) + t * C;
        if (present(residual)) {
          X* out = as<X>(sum) + t * C;
          add_residual(out, s, as<X>(residual) + t * C, R * C);
          s = out;
        }
        forward_rows<R>(past, as<X>(y) + t * C, as<float>(rstd) + t, s, w, C, eps, wide + worker * room);
      });
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
  const int64_t room = 4 * round_up(C, 16);
  float* wide = static_cast<float*>(scratch(context, workers(context) * room * 4));
  by_float(s.dtype, [&]<class X>() {
    parallel_for(context, pieces, [&](int64_t p, int worker) {
      for (int64_t c = 0; c < C; c += lanes) store(dw + p * C + c, zero(), C - c);
      each_rows(p * norm_piece, min(T, (p + 1) * norm_piece), [&]<int R>(int64_t t) {
        backward_rows<R>(past, as<X>(dx) + t * C, dw + p * C, as<X>(dy) + t * C,
                         present(dsum) ? as<X>(dsum) + t * C : nullptr, as<X>(s) + t * C, as<float>(rstd) + t, w, C,
                         wide + worker * room);
      });
      stream_end();
    });
  });
  if (present(dweight)) add_pieces(context, as<float>(dweight), dw, pieces, C, 1.0f, accumulate);
}

}  // namespace ettin::ETTIN_LEVEL
