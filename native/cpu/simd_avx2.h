// simd.h for AVX2 with FMA: 8 lanes.
#pragma once

#include <immintrin.h>

#include "level.h"

namespace ettin::ETTIN_LEVEL {

constexpr int lanes = 8;
using vf = __m256;
using vi = __m256i;
using mask = __m256;  // all bits of a lane set or clear

inline vf zero() { return _mm256_setzero_ps(); }
inline vf set(float x) { return _mm256_set1_ps(x); }
inline vi set_int(int32_t x) { return _mm256_set1_epi32(x); }

inline vi part_bits(int64_t n) {  // lanes below n
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int32_t>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline mask part(int64_t n) { return _mm256_castsi256_ps(part_bits(n)); }

inline vf load(const float* p) { return _mm256_loadu_ps(p); }
inline vf load(const bf16* p) {
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16));
}
inline vf load(const int8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
inline vi load(const int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline vf load_part(const float* p, int64_t n) { return _mm256_maskload_ps(p, part_bits(n)); }
inline vf load_part(const bf16* p, int64_t n) {
  alignas(16) uint16_t bits[8] = {};
  for (int64_t i = 0; i < n; i++) bits[i] = p[i].bits;
  return load(reinterpret_cast<const bf16*>(bits));
}
inline vf load_part(const int8_t* p, int64_t n) {
  alignas(8) int8_t values[8] = {};
  for (int64_t i = 0; i < n; i++) values[i] = p[i];
  return load(values);
}

inline vi load_part(const int32_t* p, int64_t n) { return _mm256_maskload_epi32(p, part_bits(n)); }

// The bfloat16 nearest to each lane in its upper half, ties to even; a NaN stays a NaN. What is below is
// rubbish. A comparison adds the odd bit: shifts and shuffles have fewer ports, and packing needs those.
inline vi bf16_in_upper_half(vf x) {
  const vi u = _mm256_castps_si256(x);
  const vi bit = _mm256_set1_epi32(0x10000);
  const vi odd = _mm256_cmpeq_epi32(_mm256_and_si256(u, bit), bit);  // -1 where odd
  const vi rounded = _mm256_sub_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), odd);
  return _mm256_or_si256(rounded, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));  // all bits: a NaN
}
inline vi to_bf16_words(vf x) { return _mm256_srli_epi32(bf16_in_upper_half(x), 16); }
inline __m128i to_bf16_bits(vf x) {
  const vi words = to_bf16_words(x);
  return _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}
inline vf round_to_bf16(vf x) {
  return _mm256_castsi256_ps(_mm256_and_si256(bf16_in_upper_half(x), _mm256_set1_epi32(INT32_MIN >> 15)));
}
inline void store(float* p, vf x) { _mm256_storeu_ps(p, x); }
inline void store(bf16* p, vf x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), to_bf16_bits(x)); }
// Two vectors side by side: for bfloat16 cheaper than two stores.
inline void store_pair(float* p, vf a, vf b) {
  store(p, a);
  store(p + lanes, b);
}
inline __m256i to_bf16_pair(vf a, vf b) {
  return _mm256_permute4x64_epi64(_mm256_packus_epi32(to_bf16_words(a), to_bf16_words(b)), 0xd8);
}
inline void store_pair(bf16* p, vf a, vf b) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), to_bf16_pair(a, b)); }
inline void store(int32_t* p, vi x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }
inline void store_part(float* p, vf x, int64_t n) { _mm256_maskstore_ps(p, part_bits(n), x); }
inline void store_part(bf16* p, vf x, int64_t n) {
  alignas(16) uint16_t bits[8];
  _mm_store_si128(reinterpret_cast<__m128i*>(bits), to_bf16_bits(x));
  for (int64_t i = 0; i < n; i++) p[i].bits = bits[i];
}
inline void store_part(int32_t* p, vi x, int64_t n) { _mm256_maskstore_epi32(p, part_bits(n), x); }
// Past the caches; p aligned to a whole vector of its type. stream_end() before others may read it.
inline void stream(float* p, vf x) { _mm256_stream_ps(p, x); }
inline void stream(bf16* p, vf x) { _mm_stream_si128(reinterpret_cast<__m128i*>(p), to_bf16_bits(x)); }
inline void stream(int32_t* p, vi x) { _mm256_stream_si256(reinterpret_cast<__m256i*>(p), x); }
inline void stream_pair(float* p, vf a, vf b) {
  stream(p, a);
  stream(p + lanes, b);
}
inline void stream_pair(bf16* p, vf a, vf b) { _mm256_stream_si256(reinterpret_cast<__m256i*>(p), to_bf16_pair(a, b)); }
inline void stream_end() { _mm_sfence(); }

// Two vectors of bfloat16 at once, their elements in an order of the level's own: what load_split takes apart,
// store_split puts together. Here one vector has the even elements, the other the odd ones.
struct Split {
  vf a, b;
};
inline Split load_split(const bf16* p) {
  const vi both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(both, 16)),
          _mm256_castsi256_ps(_mm256_and_si256(both, _mm256_set1_epi32(INT32_MIN >> 15)))};
}
inline vi round_bf16(vf x) {  // to the upper half
  const vi u = _mm256_castps_si256(x);
  const vi odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  return _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
}
inline vi join_split(vf a, vf b) {
  vi low = round_bf16(a), high = round_bf16(b);
  if (_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_UNORD_Q))) {  // a NaN in either stays one
    const vi quiet = _mm256_set1_epi32(0x7fc00000);
    low = _mm256_or_si256(low, _mm256_and_si256(quiet, _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q))));
    high = _mm256_or_si256(high, _mm256_and_si256(quiet, _mm256_castps_si256(_mm256_cmp_ps(b, b, _CMP_UNORD_Q))));
  }
  return _mm256_blend_epi16(_mm256_srli_epi32(low, 16), high, 0xaa);
}
inline void store_split(bf16* p, vf a, vf b) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), join_split(a, b)); }
inline void stream_split(bf16* p, vf a, vf b) { _mm256_stream_si256(reinterpret_cast<__m256i*>(p), join_split(a, b)); }

inline vf add(vf a, vf b) { return _mm256_add_ps(a, b); }
inline vf sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
inline vf mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
inline vf div(vf a, vf b) { return _mm256_div_ps(a, b); }
inline vf fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }    // a * b + c
inline vf fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }  // c - a * b
inline vf min(vf a, vf b) { return _mm256_min_ps(a, b); }
inline vf max(vf a, vf b) { return _mm256_max_ps(a, b); }  // b where either is NaN
inline vf sqrt(vf a) { return _mm256_sqrt_ps(a); }
inline vf abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
inline vf copysign(vf magnitude, vf sign) {
  const vf bit = _mm256_set1_ps(-0.0f);
  return _mm256_or_ps(_mm256_andnot_ps(bit, magnitude), _mm256_and_ps(bit, sign));
}
inline vf round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

inline mask less(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
inline mask less_equal(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
inline mask equal(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
inline mask is_nan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
inline mask less(vi a, vi b) { return _mm256_castsi256_ps(_mm256_cmpgt_epi32(b, a)); }
inline mask equal(vi a, vi b) { return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)); }
inline mask both(mask a, mask b) { return _mm256_and_ps(a, b); }
inline mask either(mask a, mask b) { return _mm256_or_ps(a, b); }
inline bool any(mask m) { return _mm256_movemask_ps(m) != 0; }
inline vf select(mask m, vf yes, vf no) { return _mm256_blendv_ps(no, yes, m); }
inline vi select(mask m, vi yes, vi no) {
  return _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(no), _mm256_castsi256_ps(yes), m));
}

inline vi add(vi a, vi b) { return _mm256_add_epi32(a, b); }
inline vi sub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
inline vi mul(vi a, vi b) { return _mm256_mullo_epi32(a, b); }  // the low 32 bits
inline vi mul_high(vi a, vi b) {  // the high 32 bits of the product of two unsigned numbers
  const vi even = _mm256_shuffle_epi32(_mm256_mul_epu32(a, b), 0xf5);
  const vi odd = _mm256_mul_epu32(_mm256_shuffle_epi32(a, 0xf5), _mm256_shuffle_epi32(b, 0xf5));
  return _mm256_blend_epi32(even, odd, 0xaa);
}
inline vi bit_and(vi a, vi b) { return _mm256_and_si256(a, b); }
inline vi bit_or(vi a, vi b) { return _mm256_or_si256(a, b); }
inline vi bit_xor(vi a, vi b) { return _mm256_xor_si256(a, b); }
template <int bits>
vi shift_left(vi a) {
  return _mm256_slli_epi32(a, bits);
}
template <int bits>
vi shift_right(vi a) {  // fills with zeros
  return _mm256_srli_epi32(a, bits);
}
inline vf int_to_float(vi a) { return _mm256_cvtepi32_ps(a); }
inline vi float_to_int(vf a) { return _mm256_cvtps_epi32(a); }  // nearest, ties to even
inline vf bits_to_float(vi a) { return _mm256_castsi256_ps(a); }
inline vi float_to_bits(vf a) { return _mm256_castps_si256(a); }
inline vi iota() { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
inline vf gather(const float* p, vi index) { return _mm256_i32gather_ps(p, index, 4); }

// Rows become columns: element j of r[i] goes to element i of r[j].
inline void transpose(vf (&r)[lanes]) {
  vf s[8];
  for (int i = 0; i < 8; i += 2) {  // pairs
    s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {  // fours
    r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) {  // halves
    const vf low = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
    r[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    r[i] = low;
  }
}

// Element j of r[i] goes to place 4 * j + i of all four, one after the other.
inline void interleave(vi (&r)[4]) {
  const vi a = _mm256_unpacklo_epi32(r[0], r[1]), b = _mm256_unpackhi_epi32(r[0], r[1]);
  const vi c = _mm256_unpacklo_epi32(r[2], r[3]), d = _mm256_unpackhi_epi32(r[2], r[3]);
  const vi e = _mm256_unpacklo_epi64(a, c), f = _mm256_unpackhi_epi64(a, c);  // fours 0 4, 1 5
  const vi g = _mm256_unpacklo_epi64(b, d), h = _mm256_unpackhi_epi64(b, d);  // fours 2 6, 3 7
  r[0] = _mm256_permute2x128_si256(e, f, 0x20);
  r[1] = _mm256_permute2x128_si256(g, h, 0x20);
  r[2] = _mm256_permute2x128_si256(e, f, 0x31);
  r[3] = _mm256_permute2x128_si256(g, h, 0x31);
}

// Sums in a fixed tree: halves, quarters, pairs.
inline float reduce_add(vf a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
inline float reduce_max(vf a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

}  // namespace ettin::ETTIN_LEVEL
