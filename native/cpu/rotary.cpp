// rotary: turns pairs of channels by an angle that grows with the token's position.
//
//   y[t,h,j]       = x[t,h,j] * cos[p,j] - x[t,h,j+D/2] * sin[p,j]        j < D/2
//   y[t,h,j+D/2]   = x[t,h,j+D/2] * cos[p,j] + x[t,h,j] * sin[p,j]        p = starts[b] + t - offsets[b]
//
//   x, y [T,H,D], x strided in T and H   cos, sin [P,D/2] float32   starts [B] int32, else 0
//
// `inverse` turns back: it is also the gradient.
#include "attention_rows.h"

namespace ettin::ETTIN_LEVEL {

void rotary(Context& context, Out y, View x, View cos, View sin, View offsets, Optional starts, bool inverse) {
  const int64_t rows = x.shape[0], heads = x.shape[1], dim = x.shape[2], sequences = offsets.shape[0] - 1;
  const int32_t* offset = as<int32_t>(offsets);
  const int32_t* start = present(starts) ? as<int32_t>(starts) : nullptr;
  check_offsets("offsets", offset, sequences, rows);
  check_positions(offset, sequences, start, cos.shape[0]);
  by_float(x.dtype, [&]<class Real>() {
    parallel_chunks(context, rows, 64, [&](int64_t begin, int64_t end) {
      int64_t low = 0, high = sequences;  // offset[low] <= begin < offset[high]
      while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        (offset[middle] <= begin ? low : high) = middle;
      }
      for (int64_t t = begin, b = low; t < end; b++) {
        const int64_t until = min<int64_t>(end, offset[b + 1]), position = (start ? start[b] : 0) + t - offset[b];
        if (until <= t) continue;
        for (int64_t h = 0; h < heads; h++) {
          copy_rows(as<Real>(y) + (t * heads + h) * dim, heads * dim, as<Real>(x) + t * x.strides[0] + h * x.strides[1],
                    x.strides[0], until - t, dim, 1.0f, as<float>(cos), as<float>(sin), position, inverse);
        }
        t = until;
      }
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
