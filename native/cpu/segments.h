// Sequences in a packed stream: sequence b is the rows offsets[b] to offsets[b+1] - 1 of x [T,C]. What is
// pooled may begin later, at starts[b] (after a prompt). Offsets come from the caller and are checked here.
#pragma once

#include "column_sum.h"
#include "rows.h"

namespace ettin::ETTIN_LEVEL {

struct Segments {
  const int32_t* offsets;
  const int32_t* starts;
  int64_t count;

  int64_t begin(int64_t b) const { return starts ? starts[b] : offsets[b]; }
  int64_t end(int64_t b) const { return offsets[b + 1]; }
};

inline Segments segments_of(const View& offsets, const Optional& starts, int64_t T) {
  const Segments s{as<int32_t>(offsets), present(starts) ? as<int32_t>(starts) : nullptr, size_of(offsets) - 1};
  if (s.offsets[0] != 0 || s.offsets[s.count] != T) {
    fail(
        "offsets go from %d to %d, but x has %lld rows. Pass the offsets of the batch that made x: 0 first, the "
        "number of rows last.",
        s.offsets[0], s.offsets[s.count], static_cast<long long>(T));
  }
  for (int64_t b = 0; b < s.count; b++) {
    if (s.offsets[b + 1] < s.offsets[b]) {
      fail("offsets fall from %d to %d at sequence %lld. Sort them: each is where a sequence starts.", s.offsets[b],
           s.offsets[b + 1], static_cast<long long>(b));
    }
    if (s.begin(b) < s.offsets[b] || s.begin(b) > s.end(b)) {
      fail("starts[%lld] is %d, outside its sequence (rows %d to %d). Clamp it to the sequence's offsets.",
           static_cast<long long>(b), s.starts[b], s.offsets[b], s.offsets[b + 1]);
    }
  }
  return s;
}

// body(b, c, columns) for each sequence and block of columns: long sequences share their work out.
constexpr int64_t segment_block = 256;

template <class Body>
void each_segment_block(Context& context, int64_t count, int64_t C, const Body& body) {
  const int64_t blocks = ceil_div(C, segment_block);
  parallel_for(context, count * blocks, [&](int64_t task, int) {
    const int64_t c = task % blocks * segment_block;
    body(task / blocks, c, min(segment_block, C - c));
  });
}

// One row of each sequence, zeros for an empty one: y [B,C].
template <class Row>
void copy_segment_rows(Context& context, const View& y, const View& x, const Segments& s, const Row& row) {
  const int64_t bytes = y.shape[1] * element_size(y.dtype);
  parallel_chunks(context, s.count, max(int64_t{1}, 65536 / max(bytes, int64_t{1})), [&](int64_t from, int64_t to) {
    for (int64_t b = from; b < to; b++) {
      char* out = as<char>(y) + b * bytes;
      if (s.begin(b) == s.end(b)) {
        zero_bytes(out, bytes);
      } else {
        copy_row(out, as<char>(x) + row(b) * bytes, bytes);
      }
    }
  });
}

// The way back: dx [T,C] is zero but for those rows.
template <class Row>
void put_segment_rows(Context& context, const View& dx, const View& dy, const Segments& s, const Row& row) {
  const int64_t bytes = dx.shape[1] * element_size(dx.dtype);
  zero_all(context, dx.data, dx.shape[0] * bytes);
  parallel_chunks(context, s.count, max(int64_t{1}, 65536 / max(bytes, int64_t{1})), [&](int64_t from, int64_t to) {
    for (int64_t b = from; b < to; b++) {
      if (s.begin(b) == s.end(b)) continue;
      copy_row(as<char>(dx) + row(b) * bytes, as<char>(dy) + b * bytes, bytes);
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
