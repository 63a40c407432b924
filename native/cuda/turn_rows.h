// Rows of heads, copied and rotated on the way: rotary.cu, and what attention multiplies.
#pragma once

#include "attention.h"

namespace ettin::ETTIN_LEVEL {

struct Turn {
  HeadRows y, x;
  int rows, heads, dim;
  float factor;      // of what is written
  const float* cos;  // [positions, dim / 2]; null: only copied
  const float* sin;
  int positions;
  const int32_t* offsets;  // [sequences + 1], needed with a table
  const int32_t* starts;   // [sequences]: the position of each sequence's first row; null: 0
  int sequences;
  bool inverse;
  OffsetFaults offset_faults;
  Fault position_fault;
};

void turn_rows(Context& context, DType dtype, const Turn& turn);

// Whether every head of every row may be read 16 bytes at a time.
inline bool aligned(const HeadRows& x, DType dtype) {
  const int64_t size = dtype == DType::bfloat16 ? 2 : 4;
  return reinterpret_cast<uintptr_t>(x.data) % 16 == 0 && x.row * size % 16 == 0 && x.head * size % 16 == 0;
}

// Room for `rows` rows of heads, one behind the other.
inline HeadRows scratch_rows(Context& context, DType dtype, int64_t rows, int64_t heads, int64_t dim) {
  const int64_t size = dtype == DType::bfloat16 ? 2 : 4;
  return {scratch(context, max<int64_t>(1, rows * heads * dim) * size), heads * dim, dim};
}

}  // namespace ettin::ETTIN_LEVEL
