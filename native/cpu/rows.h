// Rows by number: the check that every number is a row that exists, and sums of rows that share one.
#pragma once

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

// size_of_row bytes from one place to another.
inline void copy_row(void* y, const void* x, int64_t bytes) { __builtin_memcpy(y, x, static_cast<size_t>(bytes)); }
inline void zero_bytes(void* y, int64_t bytes) { __builtin_memset(y, 0, static_cast<size_t>(bytes)); }

inline int64_t element_size(DType dtype) {
  if (dtype == DType::bfloat16) return 2;
  return dtype == DType::int8 || dtype == DType::uint8 ? 1 : 4;
}

// The place of the first id outside [0, size), or -1.
inline int64_t first_outside(const int32_t* ids, int64_t count, int64_t size) {
  for (int64_t i = 0; i < count; i++) {
    if (ids[i] < 0 || ids[i] >= size) return i;
  }
  return -1;
}

inline void zero_all(Context& context, void* y, int64_t bytes) {
  parallel_chunks(context, bytes, int64_t{1} << 18,
                  [&](int64_t begin, int64_t end) { zero_bytes(static_cast<char*>(y) + begin, end - begin); });
}

// y[ids[i]] += x[i] for x [T, C] and y [V, C]: the rows of one id are added in the order of i, 64 at a time,
// and the sum is rounded to y once. Tokens are brought together by a stable counting sort, so that tasks own
// whole ids and never meet; only rows that an id names are written.
constexpr int64_t tokens_per_task = 64;
constexpr int64_t columns_per_task = 256;

template <class Y, class X>
void add_rows(Context& context, Y* y, const X* x, const int32_t* ids, int64_t T, int64_t V, int64_t C,
              bool accumulate) {
  if (T == 0 || C == 0) return;
  auto* next = static_cast<int32_t*>(scratch(context, (V + 1) * 4));
  auto* order = static_cast<int32_t*>(scratch(context, T * 4));
  zero_bytes(next, (V + 1) * 4);
  for (int64_t t = 0; t < T; t++) next[ids[t] + 1]++;
  for (int64_t v = 0; v < V; v++) next[v + 1] += next[v];
  for (int64_t t = 0; t < T; t++) order[next[ids[t]]++] = static_cast<int32_t>(t);

  // A task owns the ids whose first token is among its share of the sorted tokens.
  const int64_t blocks = ceil_div(C, columns_per_task);
  parallel_for(context, ceil_div(T, tokens_per_task) * blocks, [&](int64_t task, int) {
    const int64_t c0 = task % blocks * columns_per_task, columns = min(columns_per_task, C - c0);
    const int64_t begin = task / blocks * tokens_per_task, end = min(T, begin + tokens_per_task);
    int64_t i = begin;
    while (i > 0 && i < end && ids[order[i]] == ids[order[i - 1]]) i++;
    while (i < end) {
      const int32_t id = ids[order[i]];
      float total[columns_per_task], group[columns_per_task];
      zero_bytes(total, sizeof total);
      for (bool same = true; same;) {
        zero_bytes(group, sizeof group);
        for (int64_t n = 0; n < 64 && same; n++) {
          const X* row = x + int64_t{order[i]} * C + c0;
          for (int64_t c = 0; c < columns; c += lanes) {
            store(group + c, add(load(group + c), load(row + c, columns - c)));
          }
          i++;
          same = i < T && ids[order[i]] == id;
        }
        for (int64_t c = 0; c < columns; c += lanes) store(total + c, add(load(total + c), load(group + c)));
      }
      Y* out = y + int64_t{id} * C + c0;
      for (int64_t c = 0; c < columns; c += lanes) {
        const vf old = accumulate ? load(out + c, columns - c) : zero();
        store(out + c, add(old, load(total + c)), columns - c);
      }
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
