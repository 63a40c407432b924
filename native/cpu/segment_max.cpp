/*
segment_max: the largest of each channel over the rows of a sequence.

  forward    y[b,c] = max_{t in b} x[t,c], rows[b,c] = the first t that has it
  backward   dx[rows[b,c], c] = dy[b,c], all else 0

  x, dx [T,C]   y, dy [B,C]   rows [B,C] int32   offsets [B+1], starts [B] int32

A sequence with nothing to pool gives zeros, rows -1 and no gradient. A NaN counts as the largest.
*/
#include "segments.h"

namespace ettin::ETTIN_LEVEL {

namespace {
template <class T>
void forward_block(T* y, int32_t* rows, const T* x, int64_t begin, int64_t end, int64_t columns, int64_t C) {
  for (int64_t c = 0; c < columns; c += lanes) {
    const int64_t m = columns - c;
    vf best = zero();
    vi at = set_int(-1);
    if (begin < end) {
      best = load(x + begin * C + c, m);
      at = set_int(static_cast<int32_t>(begin));
    }
    for (int64_t t = begin + 1; t < end; t++) {
      const vf v = load(x + t * C + c, m);
      const mask wins = either(less(best, v), both(is_nan(v), equal(best, best)));
      best = select(wins, v, best);
      at = select(wins, set_int(static_cast<int32_t>(t)), at);
    }
    store(y + c, best, m);
    int32_t lane[lanes];
    store(lane, at);
    for (int64_t i = 0; i < min(m, int64_t{lanes}); i++) rows[c + i] = lane[i];
  }
}
}  // namespace

void segment_max_forward(Context& context, Out y, Out rows, View x, View offsets, Optional starts) {
  const int64_t C = x.shape[1];
  const Segments s = segments_of(offsets, starts, x.shape[0]);
  by_float(x.dtype, [&]<class T>() {
    each_segment_block(context, s.count, C, [&](int64_t b, int64_t c, int64_t columns) {
      const int64_t at = b * C + c;
      forward_block(as<T>(y) + at, as<int32_t>(rows) + at, as<T>(x) + c, s.begin(b), s.end(b), columns, C);
    });
  });
}

void segment_max_backward(Context& context, Out dx, View dy, View rows) {
  const int64_t B = dy.shape[0], C = dy.shape[1];
  zero_all(context, dx.data, size_of(dx) * element_size(dx.dtype));
  by_float(dx.dtype, [&]<class T>() {
    parallel_chunks(context, B, max(int64_t{1}, 16384 / max(C, int64_t{1})), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * C; i < end * C; i++) {
        const int32_t t = as<int32_t>(rows)[i];
        if (t >= 0) as<T>(dx)[t * C + i % C] = as<T>(dy)[i];
      }
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
