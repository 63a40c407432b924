/*
rms_norm: each row to mean square 1, then scaled per channel.

  s    = x + residual                          s = x where there is none
  rstd = 1 / sqrt(sum_c s[c]^2 / C + eps)      n[c] = s[c] rstd      y[c] = n[c] weight[c]

  g[c]  = dy[c] weight[c]
  dx[c] = rstd (g[c] - n[c] sum(g n) / C) + dsum[c]
  dweight[c] = sum_t dy[t,c] n[t,c]

  x, residual, sum, y, dy, dsum, dx [T,C]   rstd [T]   weight, dweight [C]

Roundings, sums and `accumulate` are those of layer_norm.cu.
*/
#include "norm_rows.h"

namespace ettin::ETTIN_LEVEL {

void rms_norm_forward(Context& context, Out y, OptionalOut sum, Out rstd, View x, Optional residual, Optional weight,
                      double eps) {
  by_float(x.dtype, [&]<class X>() {
    norm_forward<false>(context, NormForward<X>{as<X>(y), as<X>(sum), nullptr, as<float>(rstd), as<X>(x),
                                                as<X>(residual), channels(weight, 1.0f), Channels{nullptr, false, 0.0f},
                                                rows(x), static_cast<int>(last(x)), static_cast<float>(eps)});
  });
}

void rms_norm_backward(Context& context, Out dx, OptionalInOut dweight, View dy, Optional dsum, View s, View rstd,
                       Optional weight, bool accumulate) {
  by_float(s.dtype, [&]<class X>() {
    norm_backward<false>(context,
                         NormBackward<X>{as<X>(dx), as<X>(dy), as<X>(dsum), as<X>(s), nullptr, as<float>(rstd),
                                         channels(weight, 1.0f), rows(s), static_cast<int>(last(s)), nullptr, nullptr},
                         as<float>(dweight), nullptr, accumulate);
  });
}

}  // namespace ettin::ETTIN_LEVEL
