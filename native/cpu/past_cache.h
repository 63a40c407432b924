// Large outputs are written past the caches: an ordinary store would first read the line.
#pragma once

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

constexpr int64_t past_cache_bytes = int64_t{8} << 20;

inline int64_t element_bytes(DType dtype) { return dtype == DType::bfloat16 ? 2 : 4; }
inline bool past_cache(const View& y) { return size_of(y) * element_bytes(y.dtype) >= past_cache_bytes; }

// y[i] = value(i, m) for each vector of [0, n); m < lanes only in the last. Full vectors come in pairs, two
// pairs at a time, so that their latencies overlap. `past`: past the caches, where y is aligned to 64 bytes;
// then stream_end() before others may read it.
template <class T, class Value>
inline void store_row(bool past, T* y, int64_t n, const Value& value) {
  int64_t i = 0;
  if (past && reinterpret_cast<uintptr_t>(y) % 64 == 0) {
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
      stream_pair(y + i, value(i, lanes), value(i + lanes, lanes));
      stream_pair(y + i + 2 * lanes, value(i + 2 * lanes, lanes), value(i + 3 * lanes, lanes));
    }
  } else {
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
      store_pair(y + i, value(i, lanes), value(i + lanes, lanes));
      store_pair(y + i + 2 * lanes, value(i + 2 * lanes, lanes), value(i + 3 * lanes, lanes));
    }
  }
  for (; i + lanes <= n; i += lanes) store(y + i, value(i, lanes));
  if (i < n) store(y + i, value(i, n - i), n - i);
}

}  // namespace ettin::ETTIN_LEVEL
