// The loops of geglu and swiglu. A task is some whole rows, so that both halves of a row are read together.
// Act has value(x) and value_and_slope(x, y, slope).
#pragma once

#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

template <class Act, class T>
void gated_forward_row(bool past, T* y, const T* x, int64_t C) {
  map_block(
      past, y, C, [](vf a, vf g) { return mul(Act::value(a), g); }, x, x + C);
}

struct GatedGradient {
  vf da, dg;
};
template <class Act>
GatedGradient gated_gradient(vf d, vf a, vf g) {
  vf y, slope;
  Act::value_and_slope(a, y, slope);
  return {mul(mul(d, g), slope), mul(d, y)};
}

template <class Act, class T>
void gated_backward_row(bool past, T* dx, const T* dy, const T* x, int64_t C) {
  int64_t c = 0;
  if constexpr (is_bf16<T>) {
    for (; c + 2 * lanes <= C; c += 2 * lanes) {
      const Split d = load_split(dy + c), a = load_split(x + c), g = load_split(x + C + c);
      const GatedGradient first = gated_gradient<Act>(d.a, a.a, g.a), second = gated_gradient<Act>(d.b, a.b, g.b);
      if (past) {
        stream_split(dx + c, first.da, second.da);
        stream_split(dx + C + c, first.dg, second.dg);
      } else {
        store_split(dx + c, first.da, second.da);
        store_split(dx + C + c, first.dg, second.dg);
      }
    }
  }
  for (; c < C; c += lanes) {
    const int64_t n = C - c;
    const GatedGradient r = gated_gradient<Act>(load(dy + c, n), load(x + c, n), load(x + C + c, n));
    if (past && n >= lanes) {
      stream(dx + c, r.da);
      stream(dx + C + c, r.dg);
    } else {
      store(dx + c, r.da, n);
      store(dx + C + c, r.dg, n);
    }
  }
}

// Rows in a task, and whether they are written past the caches: only where every row starts on a whole vector
// of two.
inline int64_t rows_of_grain(int64_t C) { return max<int64_t>(1, elementwise_grain / max<int64_t>(1, C)); }
inline bool past_cache_rows(const View& y, int64_t C) { return C % (2 * lanes) == 0 && past_cache(y); }

template <class Act>
void gated_forward(Context& context, const Out& y, const View& x) {
  const int64_t C = last(y);
  const bool past = past_cache_rows(y, C);
  by_float(y.dtype, [&]<class T>() {
    parallel_chunks(context, rows(y), rows_of_grain(C), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; t++) gated_forward_row<Act>(past, as<T>(y) + t * C, as<T>(x) + t * 2 * C, C);
      if (past) stream_end();
    });
  });
}

template <class Act>
void gated_backward(Context& context, const Out& dx, const View& dy, const View& x) {
  const int64_t C = last(dy);
  const bool past = past_cache_rows(dx, C);
  by_float(dx.dtype, [&]<class T>() {
    parallel_chunks(context, rows(dy), rows_of_grain(C), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; t++) {
        gated_backward_row<Act>(past, as<T>(dx) + t * 2 * C, as<T>(dy) + t * C, as<T>(x) + t * 2 * C, C);
      }
      if (past) stream_end();
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
