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

// R rows side by side: their sums are independent, so that one hides the other's latency. A row's own sums
// have one order whatever R is.
template <int R, class T>
void forward_rows(bool past, T* y, float* means, float* rstds, const T* x, const float* w, const float* b, int64_t C,
                  double eps, float* room) {
  const float* s[R];
  for (int r = 0; r < R; r++) s[r] = widened(x + r * C, room, r, C);
  vf center[R], scale[R];
  float sums[R];
  row_sums<R>(sums, C, [&](vf* acc, int64_t c, int64_t m) {
    for (int r = 0; r < R; r++) acc[r] = add(acc[r], widen(s[r], x + r * C, c, m));
  });
  for (int r = 0; r < R; r++) {
    means[r] = sums[r] / static_cast<float>(C);
    center[r] = set(means[r]);
  }
  row_sums<R>(sums, C, [&](vf* acc, int64_t c, int64_t m) {
    for (int r = 0; r < R; r++) {
      const vf d = sub(load(s[r] + c, m), center[r]);
      acc[r] = fma(d, d, acc[r]);
    }
  });
  for (int r = 0; r < R; r++) {
    rstds[r] = reciprocal_std(sums[r] / static_cast<float>(C), eps);
    scale[r] = set(rstds[r]);
  }
  for (int r = 0; r < R; r++) {
    store_row(past, y + r * C, C, [&](int64_t c, int64_t m) {
      const vf n = mul(sub(load(s[r] + c, m), center[r]), scale[r]);
      return fma(n, load(w + c, m), load(b + c, m));
    });
  }
}

// One row of dx; its part of dweight and dbias goes into dw and db [C]. n and g wait in `room` for the second
// pass, so that nothing is widened twice.
template <class T>
void backward_row(bool past, T* dx, float* dw, float* db, const T* dy, const T* dsum, const T* s, float mean,
                  float rstd, const float* w, int64_t C, float* room) {
  float *n = room, *g = room + round_up(C, 16);
  const vf center = set(mean), scale = set(rstd);
  float sums[2];  // of g, of g n
  row_sums<2, 2>(sums, C, [&](vf* acc, int64_t c, int64_t m) {
    const vf d = load(dy + c, m);
    const vf normal = mul(sub(load(s + c, m), center), scale);
    const vf reached = mul(d, load(w + c, m));
    acc[0] = add(acc[0], reached);
    acc[1] = fma(reached, normal, acc[1]);
    store(dw + c, fma(d, normal, load(dw + c, m)), m);
    store(db + c, add(load(db + c, m), d), m);
    store(n + c, normal);
    store(g + c, reached);
  });
  // dx = rstd g - (rstd sum(g n) / C) n - rstd sum(g) / C
  const vf level = set(rstd * (sums[0] / static_cast<float>(C)));
  const vf along = set(rstd * (sums[1] / static_cast<float>(C)));
  const auto value = [&](int64_t c) { return sub(mul(load(g + c), scale), fma(load(n + c), along, level)); };
  if (dsum) {
    store_row(past, dx, C, [&](int64_t c, int64_t m) { return add(value(c), load(dsum + c, m)); });
  } else {
    store_row(past, dx, C, [&](int64_t c, int64_t) { return value(c); });
  }
}

}  // namespace

void layer_norm_forward(Context& context, Out y, OptionalOut sum, Out mean, Out rstd, View x, Optional residual,
                        Optional weight, Optional bias, double eps) {
  const int64_t T = rows(x), C = last(x);
  const float* w = norm_weight(context, weight, C, 1.0f);
  const float* b = norm_weight(context, bias, C, 0.0f);
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
        forward_rows<R>(past, as<X>(y) + t * C, as<float>(mean) + t, as<float>(rstd) + t, s, w, b, C, eps,
                        wide + worker * room);
      });
      stream_end();
    });
  });
}

void layer_norm_backward(Context& context, Out dx, OptionalInOut dweight, OptionalInOut dbias, View dy, Optional dsum,
                         View s, View mean, View rstd, Optional weight, bool accumulate) {
  const int64_t T = rows(s), C = last(s), pieces = ceil_div(T, norm_piece);
  const float* w = norm_weight(context, weight, C, 1.0f);
  const bool past = past_cache(dx);
  float* dw = static_cast<float*>(scratch(context, pieces * C * 4));
  float* db = static_cast<float*>(scratch(context, pieces * C * 4));
  const int64_t room = 2 * round_up(C, 16);
  float* wide = static_cast<float*>(scratch(context, workers(context) * room * 4));
  by_float(s.dtype, [&]<class X>() {
    parallel_for(context, pieces, [&](int64_t p, int worker) {
      for (int64_t c = 0; c < C; c += lanes) {
        store(dw + p * C + c, zero(), C - c);
        store(db + p * C + c, zero(), C - c);
      }
      for (int64_t t = p * norm_piece; t < min(T, (p + 1) * norm_piece); t++) {
        backward_row(past, as<X>(dx) + t * C, dw + p * C, db + p * C, as<X>(dy) + t * C,
                     present(dsum) ? as<X>(dsum) + t * C : nullptr, as<X>(s) + t * C, as<float>(mean)[t],
                     as<float>(rstd)[t], w, C, wide + worker * room);
      }
      stream_end();
    });
  });
  if (present(dweight)) add_pieces(context, as<float>(dweight), dw, pieces, C, 1.0f, accumulate);
  if (present(dbias)) add_pieces(context, as<float>(dbias), db, pieces, C, 1.0f, accumulate);
}

}  // namespace ettin::ETTIN_LEVEL
