// The loops of geglu and swiglu. A task is some whole rows, so that both halves of a row are read together.
// Act has value(x) and value_and_slope(x, y, slope).
#pragma once

#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

template <class Act, class T>
void gated_forward_row(bool past, T* y, const T* x, int64_t C) {
  map_block(past, y, C, [](vf a, vf g) { return mul(Act::value(a), g); }, x, x + C);
}

template <class Act, class T>
void gated_backward_row(bool past, T* dx, const T* dy, const T* x, int64_t C) {
  for (int64_t c = 0; c < C; c += lanes) {
    const int64_t n = C - c;
    vf y, slope;
    Act::value_and_slope(load(x + c, n), y, slope);
    const vf d = load(dy + c, n);
    const vf da = mul(mul(d, load(x + C + c, n)), slope), dg = mul(d, y);
    if (past) {
      stream(dx + c, da);
      stream(dx + C + c, dg);
    } else {
      store(dx + c, da, n);
      store(dx + C + c, dg, n);
    }
  }
}

// Rows in a task, and whether they are written past the caches: only where every row starts on a whole vector.
inline int64_t rows_of_grain(int64_t C) { return max<int64_t>(1, elementwise_grain / max<int64_t>(1, C)); }
inline bool past_cache_rows(const View& y, int64_t C) { return C % lanes == 0 && past_cache(y); }

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
