// simd.h for AVX-512 (F, BW, DQ, VL): 16 lanes.
#pragma once

#ifdef ETTIN_SIMDE
#include "simd_simde.h"
#else
#include <immintrin.h>
#endif

#include "level.h"

#if defined(__AVX512BF16__) || defined(ETTIN_SIMDE_BF16)
#define ETTIN_HAS_DOT_PAIRS 1
#endif

namespace ettin::ETTIN_LEVEL {

constexpr int lanes = 16;
using vf = __m512;
using vi = __m512i;
using mask = __mmask16;

inline vf zero() { return _mm512_setzero_ps(); }
inline vf set(float x) { return _mm512_set1_ps(x); }
inline vi set_int(int32_t x) { return _mm512_set1_epi32(x); }

inline mask part(int64_t n) { return static_cast<mask>(n >= lanes ? 0xffffu : (1u << n) - 1u); }  // lanes below n

inline vf load(const float* p) { return _mm512_loadu_ps(p); }
inline vf widen(__m256i bits) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16)); }
inline vf load(const bf16* p) { return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
inline vf load(const int8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
inline vi load(const int32_t* p) { return _mm512_loadu_si512(p); }
inline vf load_part(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(part(n), p); }
inline vf load_part(const bf16* p, int64_t n) { return widen(_mm256_maskz_loadu_epi16(part(n), p)); }
inline vf load_part(const int8_t* p, int64_t n) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(part(n), p)));
}
inline vi load_part(const int32_t* p, int64_t n) { return _mm512_maskz_loadu_epi32(part(n), p); }

// Rounds to nearest, ties to even; a NaN stays a NaN.
inline __m256i to_bf16_bits(vf x) {
#ifdef ETTIN_HAS_DOT_PAIRS
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x));
#else
  const vi u = _mm512_castps_si512(x);
  const vi odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  const vi rounded = _mm512_srli_epi32(_mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
  const vi nan = _mm512_or_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(0x40));
  return _mm512_cvtepi32_epi16(_mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), rounded, nan));
#endif
}
inline vf round_to_bf16(vf x) { return widen(to_bf16_bits(x)); }
inline void store(float* p, vf x) { _mm512_storeu_ps(p, x); }
inline void store(bf16* p, vf x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), to_bf16_bits(x)); }
// Two vectors side by side: for bfloat16 cheaper than two stores.
inline void store_pair(float* p, vf a, vf b) {
  store(p, a);
  store(p + lanes, b);
}
inline void store_pair(bf16* p, vf a, vf b) {
#ifdef ETTIN_HAS_DOT_PAIRS
  _mm512_storeu_si512(p, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
#else
  store(p, a);
  store(p + lanes, b);
#endif
}
inline void store(int32_t* p, vi x) { _mm512_storeu_si512(p, x); }
inline void store_part(float* p, vf x, int64_t n) { _mm512_mask_storeu_ps(p, part(n), x); }
inline void store_part(bf16* p, vf x, int64_t n) { _mm256_mask_storeu_epi16(p, part(n), to_bf16_bits(x)); }
inline void store_part(int32_t* p, vi x, int64_t n) { _mm512_mask_storeu_epi32(p, part(n), x); }
// Past the caches; p aligned to a whole vector of its type. stream_end() before others may read it.
inline void stream(float* p, vf x) { _mm512_stream_ps(p, x); }
inline void stream(bf16* p, vf x) { _mm256_stream_si256(reinterpret_cast<__m256i*>(p), to_bf16_bits(x)); }
inline void stream(int32_t* p, vi x) { _mm512_stream_si512(reinterpret_cast<__m512i*>(p), x); }
inline void stream_pair(float* p, vf a, vf b) {
  stream(p, a);
  stream(p + lanes, b);
}
inline void stream_pair(bf16* p, vf a, vf b) {
#ifdef ETTIN_HAS_DOT_PAIRS
  _mm512_stream_si512(reinterpret_cast<__m512i*>(p), reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
#else
  stream(p, a);
  stream(p + lanes, b);
#endif
}
inline void stream_end() { _mm_sfence(); }

// Two vectors of bfloat16 at once, their elements in an order of the level's own: what load_split takes apart,
// store_split puts together. With the instruction for it they stay in order; without, one vector has the even
// elements, the other the odd ones.
struct Split {
  vf a, b;
};
#ifdef ETTIN_HAS_DOT_PAIRS
inline Split load_split(const bf16* p) { return {load(p), load(p + lanes)}; }
inline vi join_split(vf a, vf b) { return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)); }
#else
inline Split load_split(const bf16* p) {
  const vi both = _mm512_loadu_si512(p);
  return {_mm512_castsi512_ps(_mm512_slli_epi32(both, 16)),
          _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(INT32_MIN >> 15)))};
}
inline vi round_bf16(vf x) {  // to the upper half; a NaN stays a NaN
  const vi u = _mm512_castps_si512(x);
  const vi odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  const vi rounded = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  return _mm512_mask_or_epi32(rounded, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), u, _mm512_set1_epi32(0x7fc00000));
}
inline vi join_split(vf a, vf b) {
  return _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(round_bf16(a), 16), round_bf16(b));
}
#endif
inline void store_split(bf16* p, vf a, vf b) { _mm512_storeu_si512(p, join_split(a, b)); }
inline void stream_split(bf16* p, vf a, vf b) { _mm512_stream_si512(reinterpret_cast<__m512i*>(p), join_split(a, b)); }

inline vf add(vf a, vf b) { return _mm512_add_ps(a, b); }
inline vf sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
inline vf mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
inline vf div(vf a, vf b) { return _mm512_div_ps(a, b); }
inline vf fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }    // a * b + c
inline vf fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }  // c - a * b
inline vf min(vf a, vf b) { return _mm512_min_ps(a, b); }
inline vf max(vf a, vf b) { return _mm512_max_ps(a, b); }  // b where either is NaN
inline vf sqrt(vf a) { return _mm512_sqrt_ps(a); }
inline vf abs(vf a) { return _mm512_abs_ps(a); }
inline vf copysign(vf magnitude, vf sign) {
  const vi bit = _mm512_set1_epi32(INT32_MIN);
  return _mm512_castsi512_ps(_mm512_or_si512(_mm512_andnot_si512(bit, _mm512_castps_si512(magnitude)),
                                             _mm512_and_si512(bit, _mm512_castps_si512(sign))));
}
inline vf round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

inline mask less(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
inline mask less_equal(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
inline mask equal(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
inline mask is_nan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
inline mask less(vi a, vi b) { return _mm512_cmplt_epi32_mask(a, b); }
inline mask equal(vi a, vi b) { return _mm512_cmpeq_epi32_mask(a, b); }
inline mask both(mask a, mask b) { return static_cast<mask>(a & b); }
inline mask either(mask a, mask b) { return static_cast<mask>(a | b); }
inline bool any(mask m) { return m != 0; }
inline vf select(mask m, vf yes, vf no) { return _mm512_mask_blend_ps(m, no, yes); }
inline vi select(mask m, vi yes, vi no) { return _mm512_mask_blend_epi32(m, no, yes); }

inline vi add(vi a, vi b) { return _mm512_add_epi32(a, b); }
inline vi sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
inline vi mul(vi a, vi b) { return _mm512_mullo_epi32(a, b); }  // the low 32 bits
inline vi mul_high(vi a, vi b) {  // the high 32 bits of the product of two unsigned numbers
  const vi even = _mm512_srli_epi64(_mm512_mul_epu32(a, b), 32);
  const vi odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32));
  return _mm512_mask_blend_epi32(0xaaaa, even, odd);
}
inline vi bit_and(vi a, vi b) { return _mm512_and_si512(a, b); }
inline vi bit_or(vi a, vi b) { return _mm512_or_si512(a, b); }
inline vi bit_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
template <int bits>
vi shift_left(vi a) {
  return _mm512_slli_epi32(a, bits);
}
template <int bits>
vi shift_right(vi a) {  // fills with zeros
  return _mm512_srli_epi32(a, bits);
}
inline vf int_to_float(vi a) { return _mm512_cvtepi32_ps(a); }
inline vi float_to_int(vf a) { return _mm512_cvtps_epi32(a); }  // nearest, ties to even
inline vf bits_to_float(vi a) { return _mm512_castsi512_ps(a); }
inline vi float_to_bits(vf a) { return _mm512_castps_si512(a); }
inline vi iota() { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
inline vf gather(const float* p, vi index) { return _mm512_i32gather_ps(index, p, 4); }

// Rows become columns: element j of r[i] goes to element i of r[j].
inline void transpose(vf (&r)[lanes]) {
  vf s[16];
  for (int i = 0; i < 16; i += 2) {  // pairs
    s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {  // fours
    r[i] = _mm512_shuffle_ps(s[i], s[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(s[i], s[i + 2], 0xee);
    r[i + 2] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) {  // quarters: r[4 * row block + i] holds column i of each of its four quarters
    const vf a = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x44);
    const vf b = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xee);
    const vf c = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x44);
    const vf d = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xee);
    r[i] = _mm512_shuffle_f32x4(a, c, 0x88);
    r[i + 4] = _mm512_shuffle_f32x4(a, c, 0xdd);
    r[i + 8] = _mm512_shuffle_f32x4(b, d, 0x88);
    r[i + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
  }
}

// Element j of r[i] goes to place 4 * j + i of all four, one after the other.
inline void interleave(vi (&r)[4]) {
  const vi a = _mm512_unpacklo_epi32(r[0], r[1]), b = _mm512_unpackhi_epi32(r[0], r[1]);
  const vi c = _mm512_unpacklo_epi32(r[2], r[3]), d = _mm512_unpackhi_epi32(r[2], r[3]);
  const vi e = _mm512_unpacklo_epi64(a, c), f = _mm512_unpackhi_epi64(a, c);  // fours 0 4 8 12, 1 5 9 13
  const vi g = _mm512_unpacklo_epi64(b, d), h = _mm512_unpackhi_epi64(b, d);  // fours 2 6 10 14, 3 7 11 15
  const vi low01 = _mm512_shuffle_i32x4(e, f, 0x44), low23 = _mm512_shuffle_i32x4(g, h, 0x44);
  const vi high01 = _mm512_shuffle_i32x4(e, f, 0xee), high23 = _mm512_shuffle_i32x4(g, h, 0xee);
  r[0] = _mm512_shuffle_i32x4(low01, low23, 0x88);
  r[1] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
  r[2] = _mm512_shuffle_i32x4(high01, high23, 0x88);
  r[3] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
}

#ifdef ETTIN_HAS_DOT_PAIRS
// Each lane of a and b is a pair of bfloat16: c + a.low * b.low + a.high * b.high.
inline vf dot_pairs(vi a, vi b, vf c) {
  return _mm512_dpbf16_ps(c, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}
#endif

// Sums in a fixed tree: halves, quarters, pairs.
inline float reduce_add(vf a) {
  __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
inline float reduce_max(vf a) {
  __m256 h = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

}  // namespace ettin::ETTIN_LEVEL
