// cross_entropy: how surprised a row of scores is by its target.
//
//   lse      = log sum_k e^s[k]
//   loss     = lse - (1 - e) s[target] - e sum_k s[k] / C                   e: label smoothing
//   ds[k]    = dloss (e^(s[k] - lse) - (1 - e) [k = target] - e / C)
//
//   scores, dscores [N,C]   targets [N] int32   loss, dloss [N] float32   lse [N,2] float32
//
// lse is kept in its two parts, the largest score and the logarithm of the shifted sum: added up they would lose the
// digits that count when scores are large. Forward reads a row once, and once more from the caches with smoothing.
#include "log_sum_exp.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t warp_classes = 1024;   // up to so many a warp has a row, four of them a block
constexpr int64_t block_classes = 8192;  // up to so many a block has 256 threads

template <class T, class Threads>
__global__ void forward(float* loss, float* lse, const T* scores, const int32_t* targets, int64_t N, int C,
                        float smoothing, Fault bad) {
  const int64_t row = Threads::row();
  if (row >= N) return;
  const bool leads = Threads::first() == 0;
  const int64_t target = checked_target(bad, targets, row, C, leads);
  if (C == 0) return;
  const T* s = scores + row * C;
  const LogSum all = log_sum_exp<Threads, is_half<T>>(s, C);
  float expected = to_float(s[target]) - all.shift;
  if (smoothing > 0.0f) {
    float sum = 0.0f;
    walk_row(s, C, Threads::first(), Threads::step(), [&]<int P>(int, const float(&v)[P]) {
#pragma unroll
      for (int k = 0; k < P; k++) sum += v[k] - all.shift;
    });
    expected = (1.0f - smoothing) * expected + smoothing * (Threads::sum(sum) / static_cast<float>(C));
  }
  if (!leads) return;
  loss[row] = all.rest - expected;
  lse[2 * row] = all.shift;
  lse[2 * row + 1] = all.rest;
}

template <class T, class Threads>
__global__ void backward(T* dscores, const float* dloss, const T* scores, const float* lse, const int32_t* targets,
                         int64_t N, int C, float smoothing, bool by_pack) {
  const int64_t row = Threads::row();
  if (row >= N) return;
  const int target = targets[row];
  const float shift = lse[2 * row], rest = lse[2 * row + 1], d = dloss[row];
  const float even = smoothing / static_cast<float>(C), certain = 1.0f - smoothing;
  walk_row(
      scores + row * C, C, Threads::first(), Threads::step(),
      [&]<int P>(int i, const float(&v)[P]) {
        float ds[P];
#pragma unroll
        for (int k = 0; k < P; k++) {
          const float p = exponential<is_half<T>>(v[k] - shift - rest) - even;
          ds[k] = (i + k == target ? p - certain : p) * d;
        }
        write_values(dscores + row * C + i, ds);
      },
      by_pack);
}

// Calls body with the threads of a row, and the grid and block for them.
template <class Body>
void by_classes(int64_t N, int64_t C, const Body& body) {
  if (C <= warp_classes) {
    body.template operator()<RowThreads<false>>(blocks_for(N, 4), dim3(4 * warp));
  } else {
    body.template operator()<RowThreads<true>>(dim3(static_cast<unsigned>(N)), dim3(C <= block_classes ? 256 : 1024));
  }
}

}  // namespace

void cross_entropy_forward(Context& context, Out loss, Out lse, View scores, View targets, double label_smoothing) {
  const int64_t N = scores.shape[0], C = scores.shape[1];
  const Fault bad = fault(context,
                          "target %lld at row %lld is outside the %lld classes. Pass targets 0 to %lld and leave out "
                          "rows that have none.");
  by_float(scores.dtype, [&]<class T>() {
    by_classes(N, C, [&]<class Threads>(dim3 grid, dim3 block) {
      launch(context, forward<T, Threads>, grid, block, 0, as<float>(loss), as<float>(lse), as<T>(scores),
             as<int32_t>(targets), N, static_cast<int>(C), static_cast<float>(label_smoothing), bad);
    });
  });
}

void cross_entropy_backward(Context& context, Out dscores, View dloss, View scores, View lse, View targets,
                            double label_smoothing) {
  const int64_t N = scores.shape[0], C = scores.shape[1];
  const bool by_pack = (reinterpret_cast<uintptr_t>(scores.data) - reinterpret_cast<uintptr_t>(dscores.data)) % 16 == 0;
  by_float(scores.dtype, [&]<class T>() {
    by_classes(N, C, [&]<class Threads>(dim3 grid, dim3 block) {
      launch(context, backward<T, Threads>, grid, block, 0, as<T>(dscores), as<float>(dloss), as<T>(scores),
             as<float>(lse), as<int32_t>(targets), N, static_cast<int>(C), static_cast<float>(label_smoothing),
             by_pack);
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
