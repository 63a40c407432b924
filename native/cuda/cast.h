// The element types and the function of a copy. Bits of one dtype only move.
#pragma once

#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

// A value that becomes the output's dtype when it is put there (runs.h).
struct Cast {
  template <class T>
  __device__ T operator()(T x) const {
    return x;
  }
};

// body<To, From>: element types for a copy between two dtypes. Equal ones need their width only.
template <class Body>
void by_cast(DType to, DType from, const Body& body) {
  if (to == from) {
    if (to == DType::bfloat16) return body.template operator()<uint16_t, uint16_t>();
    return body.template operator()<int32_t, int32_t>();
  }
  if (to == DType::int32) {
    by_float(from, [&]<class From>() { body.template operator()<int32_t, From>(); });
  } else if (from == DType::int32) {
    by_float(to, [&]<class To>() { body.template operator()<To, int32_t>(); });
  } else if (to == DType::bfloat16) {
    body.template operator()<bf16, float>();
  } else {
    body.template operator()<float, bf16>();
  }
}

}  // namespace ettin::ETTIN_LEVEL
