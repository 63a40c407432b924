// A list of tensors cut into pieces of at most `chunk_size` elements, each a task: the pieces depend on the
// shapes alone, so sums over a piece do too.
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

constexpr int64_t chunk_size = 32768;

struct Chunk {
  int64_t tensor, begin, end;  // elements begin … end-1 of tensor
};
struct Chunks {
  int64_t count;
  const Chunk* items;
};

inline Chunks chunks_of(Context& context, int64_t tensors, const View* items) {
  int64_t count = 0;
  for (int64_t t = 0; t < tensors; t++) count += ceil_div(size_of(items[t]), chunk_size);
  Chunk* chunks = static_cast<Chunk*>(scratch(context, count * static_cast<int64_t>(sizeof(Chunk))));
  int64_t at = 0;
  for (int64_t t = 0; t < tensors; t++) {
    const int64_t n = size_of(items[t]);
    for (int64_t begin = 0; begin < n; begin += chunk_size) {
      chunks[at++] = {t, begin, min(n, begin + chunk_size)};
    }
  }
  return {count, chunks};
}

}  // namespace ettin::ETTIN_LEVEL
