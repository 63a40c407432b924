/*
put_along: adds elements to where their numbers say, row by row.

  forward    y = 0;  y[n, indices[n,j]] += x[n,j], in the order of j
  backward   take_along of dy

  x, indices [N,K]   y [N,C]   sums are float32 and rounded once
*/
#include "along.h"

namespace ettin::ETTIN_LEVEL {

namespace {

void put_row(float* y, const float* x, const int32_t* at, int64_t C, int64_t K, float*) {
  zero_bytes(y, C * 4);
  for (int64_t j = 0; j < K; j++) y[at[j]] += x[j];
}
void put_row(bf16* y, const bf16* x, const int32_t* at, int64_t C, int64_t K, float* sums) {
  zero_bytes(sums, C * 4);
  for (int64_t j = 0; j < K; j++) sums[at[j]] += to_float(x[j]);
  for (int64_t c = 0; c < C; c += lanes) store(y + c, load(sums + c, C - c), C - c);
}

}  // namespace

void put_along(Context& context, Out y, View x, View indices) {
  const int64_t N = rows(y), K = last(indices), C = last(y);
  const auto* at = as<int32_t>(indices);
  check_along(at, N * K, K, C);
  by_float(y.dtype, [&]<class T>() {
    const int64_t room = sizeof(T) == 4 ? 0 : round_up(C, 16);
    float* sums = static_cast<float*>(scratch(context, workers(context) * room * 4));
    const int64_t grain = max(int64_t{1}, 32768 / max(C, int64_t{1}));
    parallel_for(context, ceil_div(N, grain), [&](int64_t task, int worker) {
      for (int64_t n = task * grain; n < min(N, (task + 1) * grain); n++) {
        put_row(as<T>(y) + n * C, as<T>(x) + n * K, at + n * K, C, K, sums + worker * room);
      }
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
