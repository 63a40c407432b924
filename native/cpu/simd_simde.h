// AVX-512's intrinsics on a machine that has AVX2 only: SIMDe's portable ones under their own names, and below them
// those that SIMDe 0.7.4 lacks. simd_avx512.h compiles on it as it stands, so that its logic runs and is tested
// anywhere; nothing that is published is built this way. With ETTIN_SIMDE_BF16 the instructions of AVX-512 BF16 too.
#pragma once

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include "level.h"

namespace ettin::ETTIN_LEVEL {

// A register as its elements.
template <class T, int n>
struct Elements {
  T at[n];

  Elements() = default;
  template <class V>
  explicit Elements(const V& v) {
    static_assert(sizeof v == sizeof at);
    __builtin_memcpy(at, &v, sizeof at);
  }
  template <class V>
  V as() const {
    static_assert(sizeof(V) == sizeof at);
    V v;
    __builtin_memcpy(&v, at, sizeof v);
    return v;
  }
};

// Elements whose bit is not set are neither read nor written.
template <class V, class T>
V masked_load(uint32_t mask, const void* p) {
  constexpr int n = sizeof(V) / sizeof(T);
  Elements<T, n> e;
  for (int i = 0; i < n; i++) e.at[i] = mask >> i & 1 ? static_cast<const T*>(p)[i] : T{};
  return e.template as<V>();
}
template <class T, class V>
void masked_store(void* p, uint32_t mask, V v) {
  constexpr int n = sizeof(V) / sizeof(T);
  const Elements<T, n> e(v);
  for (int i = 0; i < n; i++) {
    if (mask >> i & 1) static_cast<T*>(p)[i] = e.at[i];
  }
}
template <class To, class From, class W, class V>
W converted(V v) {
  constexpr int n = sizeof(V) / sizeof(From);
  const Elements<From, n> from(v);
  Elements<To, n> to;
  for (int i = 0; i < n; i++) to.at[i] = static_cast<To>(from.at[i]);
  return to.template as<W>();
}
// The processor ends the program where a streaming store is not aligned.
template <class V>
void aligned_store(void* p, V v) {
  if (reinterpret_cast<uintptr_t>(p) % sizeof v) __builtin_trap();
  __builtin_memcpy(p, &v, sizeof v);
}
inline simde__m512i nearest(simde__m512 a) {
  simde__m512_private from = simde__m512_to_private(a);
  simde__m512i_private to;
  for (int half = 0; half < 2; half++) to.m256i[half] = _mm256_cvtps_epi32(from.m256[half]);
  return simde__m512i_from_private(to);
}
inline simde__mmask16 less_than(simde__m512i a, simde__m512i b) {
  const Elements<int32_t, 16> x(a), y(b);
  uint32_t mask = 0;
  for (int i = 0; i < 16; i++) mask |= uint32_t{x.at[i] < y.at[i]} << i;
  return static_cast<simde__mmask16>(mask);
}
inline simde__m512 gathered(simde__m512i index, const void* p, int scale) {
  const Elements<int32_t, 16> i(index);
  Elements<float, 16> e;
  for (int k = 0; k < 16; k++) __builtin_memcpy(e.at + k, static_cast<const char*>(p) + int64_t{i.at[k]} * scale, 4);
  return e.as<simde__m512>();
}
inline simde__m256 half_of(simde__m512 a, int half) { return simde__m512_to_private(a).m256[half]; }

// AVX-512 BF16 reads denormals as zero and writes none, whatever the control register says. Rounds to nearest, ties to
// even; a NaN stays a NaN.
inline float without_denormal(float x) {
  const uint32_t u = __builtin_bit_cast(uint32_t, x);
  return (u & 0x7f800000u) == 0 ? __builtin_bit_cast(float, u & 0x80000000u) : x;
}
template <class W, class V>
W to_halves(V high, V low) {  // the elements of low, then those of high
  const Elements<float, 16> a(low), b(high);
  Elements<bf16, 32> y;
  for (int i = 0; i < 32; i++) y.at[i] = to_bf16(without_denormal(i < 16 ? a.at[i] : b.at[i - 16]));
  W w;
  __builtin_memcpy(&w, y.at, sizeof w);
  return w;
}
// Each lane: the product of the upper halves is added first, then that of the lower ones.
inline simde__m512 dot_halves(simde__m512 c, simde__m512bh a, simde__m512bh b) {
  const Elements<bf16, 32> x(a), y(b);
  Elements<float, 16> sum(c);
  for (int i = 0; i < 32; i++) {
    const int k = i ^ 1;
    const float product = without_denormal(to_float(x.at[k])) * without_denormal(to_float(y.at[k]));
    sum.at[i / 2] = without_denormal(without_denormal(sum.at[i / 2]) + product);
  }
  return sum.as<simde__m512>();
}

}  // namespace ettin::ETTIN_LEVEL

#undef _mm512_extractf32x8_ps
#undef _mm512_i32gather_ps
#define _mm512_maskz_loadu_ps(k, p) masked_load<simde__m512, float>(k, p)
#define _mm512_maskz_loadu_epi32(k, p) masked_load<simde__m512i, int32_t>(k, p)
#define _mm256_maskz_loadu_epi16(k, p) masked_load<__m256i, uint16_t>(k, p)
#define _mm_maskz_loadu_epi8(k, p) masked_load<__m128i, int8_t>(k, p)
#define _mm512_mask_storeu_ps(p, k, v) masked_store<float>(p, k, v)
#define _mm512_mask_storeu_epi32(p, k, v) masked_store<int32_t>(p, k, v)
#define _mm256_mask_storeu_epi16(p, k, v) masked_store<uint16_t>(p, k, v)
#define _mm512_stream_ps(p, v) aligned_store(p, v)
#define _mm512_stream_si512(p, v) aligned_store(p, v)
#define _mm512_cvtepi32_ps(v) converted<float, int32_t, simde__m512>(v)
#define _mm512_cvtepi32_epi16(v) converted<int16_t, int32_t, __m256i>(v)
#define _mm512_cvtepi8_epi32(v) converted<int32_t, int8_t, simde__m512i>(v)
#define _mm512_cvtepu16_epi32(v) converted<int32_t, uint16_t, simde__m512i>(v)
#define _mm512_cvtps_epi32(v) nearest(v)
#define _mm512_cmplt_epi32_mask(a, b) less_than(a, b)
#define _mm512_extractf32x8_ps(v, half) half_of(v, half)
#define _mm512_shuffle_f32x4(a, b, order) \
  _mm512_castsi512_ps(_mm512_shuffle_i32x4(_mm512_castps_si512(a), _mm512_castps_si512(b), order))
#define _mm512_i32gather_ps(index, p, scale) gathered(index, p, scale)
#undef _mm512_dpbf16_ps
#define _mm512_dpbf16_ps(c, a, b) dot_halves(c, a, b)
#define _mm512_cvtneps_pbh(v) to_halves<simde__m256bh>(v, v)
#define _mm512_cvtne2ps_pbh(high, low) to_halves<simde__m512bh>(high, low)
