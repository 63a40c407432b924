// Indices along the last axis: the check that each lies inside its row.
#pragma once

#include "row_numbers.h"

namespace ettin::ETTIN_LEVEL {

inline Fault outside_row(Context& context) {
  return fault(context, "index %lld at row %lld, place %lld is outside the last axis of %lld. Count indices from 0.");
}

// indices[n, j], held inside [0, C).
__device__ __forceinline__ int checked_along(const int32_t* indices, int64_t n, int64_t j, int64_t K, int64_t C,
                                             const Fault& outside) {
  const int index = indices[n * K + j];
  if (index >= 0 && index < C) return index;
  outside.raise(index, n, j, C);
  return 0;
}

}  // namespace ettin::ETTIN_LEVEL
