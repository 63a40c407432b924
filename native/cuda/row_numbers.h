// Rows by number: the check of a number, and how a block's threads share rows among them.
#pragma once

#include "values.h"

namespace ettin::ETTIN_LEVEL {

// numbers[i], held inside [0, size): what raises a fault still names a row that exists.
__device__ __forceinline__ int checked(const int32_t* numbers, int64_t i, int64_t size, const Fault& outside) {
  const int number = numbers[i];
  if (number >= 0 && number < size) return number;
  outside.raise(number, i, size, size - 1);
  return 0;
}

inline int64_t element_bytes(DType dtype) {
  if (dtype == DType::bfloat16) return 2;
  return dtype == DType::int8 || dtype == DType::uint8 ? 1 : 4;
}

// All of y.
inline void zero(Context& context, const View& y) {
  const int64_t bytes = size_of(y) * element_bytes(y.dtype);
  if (bytes > 0) check(cudaMemsetAsync(y.data, 0, static_cast<size_t>(bytes), stream_of(context)), "fill with zeros");
}

// Calls body<U>() with the widest type that rows of so many bytes may be copied by.
template <class Body>
void by_unit(int64_t bytes, const void* y, const void* x, const Body& body) {
  const auto all = static_cast<uintptr_t>(bytes) | reinterpret_cast<uintptr_t>(y) | reinterpret_cast<uintptr_t>(x);
  if (all % 16 == 0) {
    body.template operator()<uint4>();
  } else if (all % 4 == 0) {
    body.template operator()<uint32_t>();
  } else if (all % 2 == 0) {
    body.template operator()<uint16_t>();
  } else {
    body.template operator()<uint8_t>();
  }
}

// A row of `units` accesses is taken by a power of two of neighbouring lanes, at most a warp.
inline int row_lanes(int64_t units) {
  int lanes = 1;
  while (lanes < warp && lanes < units) lanes *= 2;
  return lanes;
}
constexpr int row_threads = 256;
inline dim3 row_blocks(int64_t rows, int lanes) { return blocks_for(rows, row_threads / lanes); }

}  // namespace ettin::ETTIN_LEVEL
