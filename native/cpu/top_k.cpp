/*
top_k: the k largest of each row of x [N,n], descending; of equals the lower index first.

  values [N,k]   indices [N,k] int32   0 <= k <= n

NaN counts as the largest and -0 equals 0. The gradient puts dy where the indices say (put_along).

A candidate is one integer: its score's bits, ordered, above its inverted index, so that "comes first" is
"is greater". The k best so far form a heap with the worst on top; vectors that hold nothing above it are
skipped.
*/
#include "simd.h"

namespace ettin::ETTIN_LEVEL {

namespace {

int64_t candidate(float x, int64_t index) {
  const int32_t bits = __builtin_bit_cast(int32_t, x + 0.0f);  // -0 becomes 0
  int32_t key = bits < 0 ? bits ^ INT32_MAX : bits;
  if (x != x) key = INT32_MAX;
  return (int64_t{key} << 32) | (INT32_MAX - index);
}
int32_t index_of(int64_t candidate) { return static_cast<int32_t>(INT32_MAX - (candidate & INT32_MAX)); }

// Puts `item` into the heap [0, k) from place i down: every parent is below its children.
void sift(int64_t* heap, int64_t k, int64_t i, int64_t item) {
  for (int64_t child; (child = 2 * i + 1) < k; i = child) {
    if (child + 1 < k && heap[child + 1] < heap[child]) child++;
    if (item <= heap[child]) break;
    heap[i] = heap[child];
  }
  heap[i] = item;
}

template <class T>
void row(T* values, int32_t* indices, const T* x, int64_t n, int64_t k, int64_t* heap) {
  for (int64_t i = 0; i < k; i++) heap[i] = candidate(to_float(x[i]), i);
  for (int64_t i = k / 2 - 1; i >= 0; i--) sift(heap, k, i, heap[i]);

  vf worst = set(to_float(x[index_of(heap[0])]));
  for (int64_t begin = k; begin < n; begin += lanes) {
    const vf v = load(x + begin, n - begin);
    if (!any(either(less(worst, v), is_nan(v)))) continue;
    for (int64_t i = begin; i < min(n, begin + lanes); i++) {
      const int64_t item = candidate(to_float(x[i]), i);
      if (item > heap[0]) sift(heap, k, 0, item);
    }
    worst = set(to_float(x[index_of(heap[0])]));
  }

  for (int64_t last = k - 1; last > 0; last--) {  // the worst to the end, one after another
    const int64_t item = heap[last];
    heap[last] = heap[0];
    sift(heap, last, 0, item);
  }
  for (int64_t i = 0; i < k; i++) {
    indices[i] = index_of(heap[i]);
    values[i] = x[indices[i]];
  }
}

}  // namespace

void top_k(Context& context, Out values, Out indices, View x, int64_t k) {
  const int64_t N = rows(x), n = last(x);
  if (k == 0) return;
  auto* heaps = static_cast<int64_t*>(scratch(context, workers(context) * k * 8));
  const int64_t grain = max(int64_t{1}, 8192 / max(n, int64_t{1}));
  by_float(x.dtype, [&]<class T>() {
    parallel_for(context, ceil_div(N, grain), [&](int64_t task, int worker) {
      for (int64_t i = task * grain; i < min(N, (task + 1) * grain); i++) {
        row(as<T>(values) + i * k, as<int32_t>(indices) + i * k, as<T>(x) + i * n, n, k, heaps + worker * k);
      }
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
