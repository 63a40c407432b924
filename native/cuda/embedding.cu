/*
embedding: a row of the table for each token.

  forward    y[t] = w[ids[t]]                          cast where w and y differ in dtype
  backward   dw[v] = sum_{t : ids[t] = v} dy[t]        float32, in an order that the ids decide (row_sums.h)

  w [V,C]   ids [T] int32   y, dy [T,C]   dw [V,C]

With `accumulate` only the rows of ids that occur are touched; without it the rest is filled with zeros.
*/
#include "row_sums.h"

namespace ettin::ETTIN_LEVEL {

namespace {

Fault unknown_id(Context& context) {
  return fault(
      context,
      "id %lld at place %lld is outside the vocabulary of %lld. Use the tokenizer of this model, or resize its "
      "embedding table.");
}

template <int N, class Y, class W>
__global__ void copy_rows(Y* y, const W* w, const int32_t* ids, int64_t T, int64_t V, int64_t C, int lanes,
                          Fault outside) {
  const int64_t t = thread_of_grid() / lanes;
  if (t >= T) return;
  const int64_t row = checked(ids, t, V, outside);
  for (int64_t c = threadIdx.x % lanes * N; c < C; c += lanes * N) {
    float v[N];
    read_values(v, w + row * C + c);
    write_values(y + t * C + c, v);
  }
}

}  // namespace

void embedding_forward(Context& context, Out y, Weight w, View ids) {
  const int64_t T = size_of(ids), V = w.shape[0], C = w.shape[1];
  const Fault outside = unknown_id(context);
  by_float(w.dtype, [&]<class W>() {
    by_float(y.dtype, [&]<class Y>() {
      const auto run = [&]<int N>() {
        const int lanes = row_lanes(C / N);
        launch(context, copy_rows<N, Y, W>, row_blocks(T, lanes), dim3(row_threads), 0, as<Y>(y), as<W>(w),
               as<int32_t>(ids), T, V, V == 0 ? 0 : C, lanes, outside);
      };
      constexpr int N = sizeof(Y) + sizeof(W) == 8 ? 4 : 8;
      if (aligned(as<Y>(y), as<W>(w)) && C % N == 0) {
        run.template operator()<N>();
      } else {
        run.template operator()<1>();
      }
    });
  });
}

void embedding_backward(Context& context, InOut dw, View dy, View ids, bool accumulate) {
  const int64_t T = size_of(ids), V = dw.shape[0], C = dw.shape[1];
  if (!accumulate) zero(context, dw);
  by_float(dy.dtype, [&]<class D>() {
    add_rows(context, as<float>(dw), as<D>(dy), as<int32_t>(ids), T, V, C, accumulate, unknown_id(context));
  });
}

}  // namespace ettin::ETTIN_LEVEL
