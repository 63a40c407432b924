// One vector of floats, as wide as the level has: 16 lanes with AVX-512, 8 with AVX2, 4 at the baseline.
// Kernels are written once against these names. `fma` is fused where the level has the instruction.
// Integer lanes (vi) are int32. A mask is what comparisons give and select takes. Where
// ETTIN_HAS_DOT_PAIRS is 1 the level multiplies bfloat16 natively: dot_pairs(a, b, c).
// For tests on machines without AVX-512: ETTIN_LANES=16 compiles the plain version with 16 lanes, ETTIN_SIMDE the
// AVX-512 version on emulated instructions.
#pragma once

#include "level.h"

#if defined(ETTIN_LANES)
#include "simd_baseline.h"
#elif defined(__AVX512F__) || defined(ETTIN_SIMDE)
#include "simd_avx512.h"
#elif defined(__AVX2__)
#include "simd_avx2.h"
#else
#include "simd_baseline.h"
#endif

namespace ettin::ETTIN_LEVEL {

inline vf load(const float* p, int64_t n) { return n >= lanes ? load(p) : load_part(p, n); }
inline vf load(const bf16* p, int64_t n) { return n >= lanes ? load(p) : load_part(p, n); }
inline vf load(const int8_t* p, int64_t n) { return n >= lanes ? load(p) : load_part(p, n); }
inline void store(float* p, vf x, int64_t n) { n >= lanes ? store(p, x) : store_part(p, x, n); }
inline void store(bf16* p, vf x, int64_t n) { n >= lanes ? store(p, x) : store_part(p, x, n); }

}  // namespace ettin::ETTIN_LEVEL
