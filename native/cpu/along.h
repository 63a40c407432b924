// Indices along the last axis: the check that each lies inside its row.
#pragma once

#include "rows.h"

namespace ettin::ETTIN_LEVEL {

inline void check_along(const int32_t* indices, int64_t count, int64_t K, int64_t C) {
  const int64_t i = first_outside(indices, count, C);
  if (i < 0) return;
  fail("index %d at row %lld, place %lld is outside the last axis of %lld. Count indices from 0.", indices[i],
       static_cast<long long>(i / K), static_cast<long long>(i % K), static_cast<long long>(C));
}

}  // namespace ettin::ETTIN_LEVEL
