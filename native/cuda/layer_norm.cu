/*
layer_norm: each row to mean 0 and variance 1, then scaled and shifted per channel.

  s    = x + residual                          s = x where there is none
  mean = sum_c s[c] / C                        rstd = 1 / sqrt(sum_c (s[c] - mean)^2 / C + eps)
  n[c] = (s[c] - mean) rstd                    y[c] = n[c] weight[c] + bias[c]

  g[c]  = dy[c] weight[c]
  dx[c] = rstd (g[c] - sum(g) / C - n[c] sum(g n) / C) + dsum[c]
  dweight[c] = sum_t dy[t,c] n[t,c]            dbias[c] = sum_t dy[t,c]

  x, residual, sum, y, dy, dsum, dx [T,C]   mean, rstd [T]   weight, bias, dweight, dbias [C]

dx is the gradient of x and of residual. `sum` is rounded to its dtype before it is normalised: the fused form gives
the bits of an add followed by a norm. Statistics, dweight and dbias are float32. dx is written; dweight and dbias are
added to where `accumulate`. Every tensor passes the memory once (norm_rows.h).
*/
#include "norm_rows.h"

namespace ettin::ETTIN_LEVEL {

void layer_norm_forward(Context& context, Out y, OptionalOut sum, Out mean, Out rstd, View x, Optional residual,
                        Optional weight, Optional bias, double eps) {
  by_float(x.dtype, [&]<class X>() {
    norm_forward<true>(context, NormForward<X>{as<X>(y), as<X>(sum), as<float>(mean), as<float>(rstd), as<X>(x),
                                               as<X>(residual), channels(weight, 1.0f), channels(bias, 0.0f), rows(x),
                                               static_cast<int>(last(x)), static_cast<float>(eps)});
  });
}

void layer_norm_backward(Context& context, Out dx, OptionalInOut dweight, OptionalInOut dbias, View dy, Optional dsum,
                         View s, View mean, View rstd, Optional weight, bool accumulate) {
  by_float(s.dtype, [&]<class X>() {
    norm_backward<true>(context,
                        NormBackward<X>{as<X>(dx), as<X>(dy), as<X>(dsum), as<X>(s), as<float>(mean), as<float>(rstd),
                                        channels(weight, 1.0f), rows(s), static_cast<int>(last(s)), nullptr, nullptr},
                        as<float>(dweight), as<float>(dbias), accumulate);
  });
}

}  // namespace ettin::ETTIN_LEVEL
