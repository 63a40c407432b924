/*
cross_entropy: how surprised a row of scores is by its target.

  lse      = log sum_k e^s[k]
  loss     = lse - (1 - e) s[target] - e sum_k s[k] / C                   e: label smoothing
  ds[k]    = dloss (e^(s[k] - lse) - (1 - e) [k = target] - e / C)

  scores, dscores [N,C]   targets [N] int32   loss, dloss [N] float32   lse [N,2] float32

lse is kept in its two parts, the largest score and the logarithm of the shifted sum: added up they would
lose the digits that count when scores are large. Equal scores of any size cost log C.
*/
#include "softmax_row.h"

namespace ettin::ETTIN_LEVEL {

namespace {

void check_targets(const int32_t* targets, int64_t N, int64_t C) {
  for (int64_t n = 0; n < N; n++) {
    if (targets[n] >= 0 && targets[n] < C) continue;
    fail(
        "target %d at row %lld is outside the %lld classes. Pass targets 0 to %lld and leave out rows that have "
        "none.",
        targets[n], static_cast<long long>(n), static_cast<long long>(C), static_cast<long long>(C - 1));
  }
}

template <class T>
void forward_row(float* loss, float* lse, const T* scores, int32_t target, int64_t C, float smoothing) {
  const float shift = shift_by(row_largest(scores, C));
  const float log_sum = log_of(row_exponentials(scores, C, shift));
  float expected = to_float(scores[target]) - shift;
  if (smoothing > 0.0f) {
    const vf s = set(shift);
    const float all = row_sum(C, [&](vf acc, int64_t c, int64_t m) { return add(acc, sub(load(scores + c, m), s)); });
    expected = (1.0f - smoothing) * expected + smoothing * (all / static_cast<float>(C));
  }
  *loss = log_sum - expected;
  lse[0] = shift;
  lse[1] = log_sum;
}

template <class T>
void backward_row(bool past, T* ds, float dloss, const T* scores, const float* lse, int32_t target, int64_t C,
                  float smoothing) {
  const vf shift = set(lse[0]), log_sum = set(lse[1]), even = set(smoothing / static_cast<float>(C)), d = set(dloss);
  store_row(past, ds, C, [&](int64_t c, int64_t m) {
    const vf p = exp_shifted(sub(sub(load(scores + c, m), shift), log_sum));
    return mul(sub(p, even), d);
  });
  const float p = reduce_max(exp_shifted(set(to_float(scores[target]) - lse[0] - lse[1])));
  if (past) stream_end();  // the next line changes one of these
  store(ds + target, (p - smoothing / static_cast<float>(C) - (1.0f - smoothing)) * dloss);
}

}  // namespace

void cross_entropy_forward(Context& context, Out loss, Out lse, View scores, View targets, double label_smoothing) {
  const int64_t N = scores.shape[0], C = scores.shape[1];
  const auto* target = as<int32_t>(targets);
  check_targets(target, N, C);
  by_float(scores.dtype, [&]<class T>() {
    each_row(context, N, C, [&](int64_t n) {
      forward_row(as<float>(loss) + n, as<float>(lse) + 2 * n, as<T>(scores) + n * C, target[n], C,
                  static_cast<float>(label_smoothing));
    });
  });
}

void cross_entropy_backward(Context& context, Out dscores, View dloss, View scores, View lse, View targets,
                            double label_smoothing) {
  const int64_t N = scores.shape[0], C = scores.shape[1];
  const bool past = past_cache(dscores);
  by_float(scores.dtype, [&]<class T>() {
    each_row(context, N, C, [&](int64_t n) {
      backward_row(past, as<T>(dscores) + n * C, as<float>(dloss)[n], as<T>(scores) + n * C, as<float>(lse) + 2 * n,
                   as<int32_t>(targets)[n], C, static_cast<float>(label_smoothing));
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
