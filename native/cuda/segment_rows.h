// One row of each sequence, the first or the last: segment_first and segment_last.
#pragma once

#include "segments.h"

namespace ettin::ETTIN_LEVEL {

template <bool from_end>
__device__ __forceinline__ int64_t row_of(const Rows& rows) {
  return from_end ? rows.end - 1 : rows.first;
}

// y [B, units]: zeros for an empty sequence.
template <class U, bool from_end>
__global__ void take_rows(U* y, const U* x, Segments s, int64_t units, int lanes) {
  s.check();
  const int64_t b = thread_of_grid() / lanes;
  if (b >= s.count) return;
  const Rows rows = s.rows(b);
  const bool empty = rows.first == rows.end;
  for (int64_t u = threadIdx.x % lanes; u < units; u += lanes)
    y[b * units + u] = empty ? U{} : x[row_of<from_end>(rows) * units + u];
}

// The way back: dx [T, units] is zero but for those rows.
template <class U, bool from_end>
__global__ void put_rows(U* dx, const U* dy, Segments s, int64_t units, int lanes) {
  s.check();
  const int64_t b = thread_of_grid() / lanes;
  if (b >= s.count) return;
  const Rows rows = s.rows(b);
  if (rows.first == rows.end) return;
  for (int64_t u = threadIdx.x % lanes; u < units; u += lanes)
    dx[row_of<from_end>(rows) * units + u] = dy[b * units + u];
}

template <bool from_end>
void take_segment_rows(Context& context, const View& y, const View& x, const View& offsets) {
  const Segments s = segments_of(context, offsets, {}, x.shape[0]);
  const int64_t bytes = x.shape[1] * element_bytes(x.dtype);
  by_unit(bytes, y.data, x.data, [&]<class U>() {
    const int64_t units = bytes / static_cast<int64_t>(sizeof(U));
    const int lanes = row_lanes(units);
    launch(context, take_rows<U, from_end>, row_blocks(max(s.count, int64_t{1}), lanes), dim3(row_threads), 0, as<U>(y),
           as<U>(x), s, units, lanes);
  });
}

template <bool from_end>
void put_segment_rows(Context& context, const View& dx, const View& dy, const View& offsets) {
  const Segments s = segments_of(context, offsets, {}, dx.shape[0]);
  const int64_t bytes = dx.shape[1] * element_bytes(dx.dtype);
  zero(context, dx);
  by_unit(bytes, dx.data, dy.data, [&]<class U>() {
    const int64_t units = bytes / static_cast<int64_t>(sizeof(U));
    const int lanes = row_lanes(units);
    launch(context, put_rows<U, from_end>, row_blocks(max(s.count, int64_t{1}), lanes), dim3(row_threads), 0, as<U>(dx),
           as<U>(dy), s, units, lanes);
  });
}

}  // namespace ettin::ETTIN_LEVEL
