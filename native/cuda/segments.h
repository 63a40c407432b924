// Sequences in a packed stream: sequence b is the rows offsets[b] to offsets[b+1] - 1 of x [T,C]. What is pooled may
// begin later, at starts[b] (after a prompt). Offsets lie on the device and are checked there; a range is held inside x
// whatever they say.
#pragma once

#include "row_numbers.h"

namespace ettin::ETTIN_LEVEL {

struct Rows {
  int64_t first, begin, end;  // of the sequence; what is pooled: begin <= t < end
};

struct Segments {
  const int32_t *offsets, *starts;
  int64_t count, T;
  Fault ends, falls, outside;

  // By every thread of a one-dimensional grid.
  __device__ __forceinline__ void check() const {
    if (thread_of_grid() == 0 && (offsets[0] != 0 || offsets[count] != T)) ends.raise(offsets[0], offsets[count], T);
    for (int64_t b = thread_of_grid(); b < count; b += threads_of_grid()) {
      if (offsets[b + 1] < offsets[b]) falls.raise(offsets[b], offsets[b + 1], b);
      if (starts && (starts[b] < offsets[b] || starts[b] > offsets[b + 1]))
        outside.raise(b, starts[b], offsets[b], offsets[b + 1]);
    }
  }

  __device__ __forceinline__ Rows rows(int64_t b) const {
    const int64_t end = held(offsets[b + 1], 0, T), first = held(offsets[b], 0, end);
    return {first, starts ? held(starts[b], first, end) : first, end};
  }

  // The sequence of row t: the last that begins at or before it, -1 where none does.
  __device__ __forceinline__ int64_t of_row(int64_t t) const {
    int64_t low = -1, high = count;
    while (high - low > 1) {
      const int64_t middle = (low + high) / 2;
      if (offsets[middle] <= t) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

 private:
  __device__ __forceinline__ static int64_t held(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
  }
};

inline Segments segments_of(Context& context, const View& offsets, const Optional& starts, int64_t T) {
  return {
      as<int32_t>(offsets),
      as<int32_t>(starts),
      size_of(offsets) - 1,
      T,
      fault(context,
            "offsets go from %lld to %lld, but x has %lld rows. Pass the offsets of the batch that made x: 0 first, "
            "the number of rows last."),
      fault(context, "offsets fall from %lld to %lld at sequence %lld. Sort them: each is where a sequence starts."),
      fault(context,
            "starts[%lld] is %lld, outside its sequence (rows %lld to %lld). Clamp it to the sequence's offsets.")};
}

// A sequence and some columns to a block, 32 lanes of them; its groups take every 16th row. At least one block: it
// checks the offsets.
constexpr int segment_groups = 16, segment_threads = segment_groups * warp;
inline dim3 segment_grid(const Segments& s, int64_t C, int columns) {
  return blocks_for(max(s.count * ceil_div(C, columns), int64_t{1}), 1);
}

}  // namespace ettin::ETTIN_LEVEL
