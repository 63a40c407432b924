// simd.h in plain C++ with 4 lanes: compiles for any processor, and compilers turn the loops into SSE2 or
// NEON. The reference for the other two files. `fma` rounds twice here: the baseline has no such instruction.
// With 16 lanes (a test build) it stands in for AVX-512 with bfloat16.
#pragma once

#include <math.h>

#include "level.h"

namespace ettin::ETTIN_LEVEL {

#ifndef ETTIN_LANES
#define ETTIN_LANES 4
#endif
#if ETTIN_LANES == 16
#define ETTIN_HAS_DOT_PAIRS 1
#endif

constexpr int lanes = ETTIN_LANES;
struct vf {
  float at[lanes];
};
struct vi {
  int32_t at[lanes];
};
struct mask {
  bool at[lanes];
};

#define ETTIN_EACH(type, expression) \
  type r;                            \
  for (int i = 0; i < lanes; i++) {  \
    r.at[i] = expression;            \
  }                                  \
  return r

inline vf set(float x) { ETTIN_EACH(vf, x); }
inline vf zero() { return set(0.0f); }
inline vi set_int(int32_t x) { ETTIN_EACH(vi, x); }
inline mask part(int64_t n) { ETTIN_EACH(mask, i < n); }  // lanes below n

inline vf load(const float* p) { ETTIN_EACH(vf, p[i]); }
inline vf load(const bf16* p) { ETTIN_EACH(vf, to_float(p[i])); }
inline vf load(const int8_t* p) { ETTIN_EACH(vf, static_cast<float>(p[i])); }
inline vi load(const int32_t* p) { ETTIN_EACH(vi, p[i]); }
inline vf load_part(const float* p, int64_t n) { ETTIN_EACH(vf, i < n ? p[i] : 0.0f); }
inline vf load_part(const bf16* p, int64_t n) { ETTIN_EACH(vf, i < n ? to_float(p[i]) : 0.0f); }
inline vf load_part(const int8_t* p, int64_t n) { ETTIN_EACH(vf, i < n ? static_cast<float>(p[i]) : 0.0f); }
inline vi load_part(const int32_t* p, int64_t n) { ETTIN_EACH(vi, i < n ? p[i] : 0); }
inline void store_part(float* p, vf x, int64_t n) {
  for (int i = 0; i < lanes && i < n; i++) p[i] = x.at[i];
}
inline void store_part(bf16* p, vf x, int64_t n) {
  for (int i = 0; i < lanes && i < n; i++) p[i] = to_bf16(x.at[i]);
}
inline void store_part(int32_t* p, vi x, int64_t n) {
  for (int i = 0; i < lanes && i < n; i++) p[i] = x.at[i];
}
inline void store(float* p, vf x) { store_part(p, x, lanes); }
inline void store(bf16* p, vf x) { store_part(p, x, lanes); }
// Two vectors side by side: for bfloat16 cheaper than two stores.
template <class T>
void store_pair(T* p, vf a, vf b) {
  store(p, a);
  store(p + lanes, b);
}
inline void store(int32_t* p, vi x) {
  for (int i = 0; i < lanes; i++) p[i] = x.at[i];
}
// Past the caches where the level can; p aligned to a whole vector. stream_end() before others may read it.
inline void stream(float* p, vf x) { store(p, x); }
inline void stream(bf16* p, vf x) { store(p, x); }
inline void stream(int32_t* p, vi x) { store(p, x); }
template <class T>
void stream_pair(T* p, vf a, vf b) {
  store_pair(p, a, b);
}
inline void stream_end() {}

// Two vectors of bfloat16 at once, their elements in an order of the level's own: what load_split takes apart,
// store_split puts together.
struct Split {
  vf a, b;
};
inline Split load_split(const bf16* p) { return {load(p), load(p + lanes)}; }
inline void store_split(bf16* p, vf a, vf b) {
  store(p, a);
  store(p + lanes, b);
}
inline void stream_split(bf16* p, vf a, vf b) { store_split(p, a, b); }

inline vf add(vf a, vf b) { ETTIN_EACH(vf, a.at[i] + b.at[i]); }
inline vf sub(vf a, vf b) { ETTIN_EACH(vf, a.at[i] - b.at[i]); }
inline vf mul(vf a, vf b) { ETTIN_EACH(vf, a.at[i] * b.at[i]); }
inline vf div(vf a, vf b) { ETTIN_EACH(vf, a.at[i] / b.at[i]); }
inline vf fma(vf a, vf b, vf c) { ETTIN_EACH(vf, a.at[i] * b.at[i] + c.at[i]); }   // a * b + c
inline vf fnma(vf a, vf b, vf c) { ETTIN_EACH(vf, c.at[i] - a.at[i] * b.at[i]); }  // c - a * b
inline vf min(vf a, vf b) { ETTIN_EACH(vf, a.at[i] < b.at[i] ? a.at[i] : b.at[i]); }
inline vf max(vf a, vf b) { ETTIN_EACH(vf, a.at[i] > b.at[i] ? a.at[i] : b.at[i]); }  // b where either is NaN
inline vf sqrt(vf a) { ETTIN_EACH(vf, __builtin_sqrtf(a.at[i])); }
inline vf abs(vf a) { ETTIN_EACH(vf, __builtin_fabsf(a.at[i])); }
inline vf copysign(vf m, vf s) { ETTIN_EACH(vf, __builtin_copysignf(m.at[i], s.at[i])); }
inline vf round(vf a) { ETTIN_EACH(vf, ::nearbyintf(a.at[i])); }

inline mask less(vf a, vf b) { ETTIN_EACH(mask, a.at[i] < b.at[i]); }
inline mask less_equal(vf a, vf b) { ETTIN_EACH(mask, a.at[i] <= b.at[i]); }
inline mask equal(vf a, vf b) { ETTIN_EACH(mask, a.at[i] == b.at[i]); }
inline mask is_nan(vf a) { ETTIN_EACH(mask, a.at[i] != a.at[i]); }
inline mask less(vi a, vi b) { ETTIN_EACH(mask, a.at[i] < b.at[i]); }
inline mask equal(vi a, vi b) { ETTIN_EACH(mask, a.at[i] == b.at[i]); }
inline mask both(mask a, mask b) { ETTIN_EACH(mask, a.at[i] && b.at[i]); }
inline mask either(mask a, mask b) { ETTIN_EACH(mask, a.at[i] || b.at[i]); }
inline bool any(mask m) {
  for (int i = 0; i < lanes; i++) {
    if (m.at[i]) return true;
  }
  return false;
}
inline vf select(mask m, vf yes, vf no) { ETTIN_EACH(vf, m.at[i] ? yes.at[i] : no.at[i]); }
inline vi select(mask m, vi yes, vi no) { ETTIN_EACH(vi, m.at[i] ? yes.at[i] : no.at[i]); }

inline int32_t wrap(uint32_t x) { return static_cast<int32_t>(x); }
inline uint32_t bits(int32_t x) { return static_cast<uint32_t>(x); }
inline vi add(vi a, vi b) { ETTIN_EACH(vi, wrap(bits(a.at[i]) + bits(b.at[i]))); }
inline vi sub(vi a, vi b) { ETTIN_EACH(vi, wrap(bits(a.at[i]) - bits(b.at[i]))); }
inline vi mul(vi a, vi b) { ETTIN_EACH(vi, wrap(bits(a.at[i]) * bits(b.at[i]))); }  // the low 32 bits
inline vi mul_high(vi a, vi b) {  // the high 32 bits of the product of two unsigned numbers
  ETTIN_EACH(vi, wrap(static_cast<uint32_t>(uint64_t{bits(a.at[i])} * bits(b.at[i]) >> 32)));
}
inline vi bit_and(vi a, vi b) { ETTIN_EACH(vi, a.at[i] & b.at[i]); }
inline vi bit_or(vi a, vi b) { ETTIN_EACH(vi, a.at[i] | b.at[i]); }
inline vi bit_xor(vi a, vi b) { ETTIN_EACH(vi, a.at[i] ^ b.at[i]); }
template <int n>
vi shift_left(vi a) {
  ETTIN_EACH(vi, wrap(bits(a.at[i]) << n));
}
template <int n>
vi shift_right(vi a) {  // fills with zeros
  ETTIN_EACH(vi, wrap(bits(a.at[i]) >> n));
}
inline vf int_to_float(vi a) { ETTIN_EACH(vf, static_cast<float>(a.at[i])); }
inline vi float_to_int(vf a) {  // nearest, ties to even; what does not fit is INT32_MIN, as in the instruction
  ETTIN_EACH(vi, __builtin_fabsf(a.at[i]) < 2147483648.0f ? static_cast<int32_t>(::nearbyintf(a.at[i])) : INT32_MIN);
}
inline vf bits_to_float(vi a) { ETTIN_EACH(vf, __builtin_bit_cast(float, a.at[i])); }
inline vi float_to_bits(vf a) { ETTIN_EACH(vi, __builtin_bit_cast(int32_t, a.at[i])); }
inline vi iota() { ETTIN_EACH(vi, i); }
inline vf gather(const float* p, vi index) { ETTIN_EACH(vf, p[index.at[i]]); }

// Rows become columns: element j of r[i] goes to element i of r[j].
inline void transpose(vf (&r)[lanes]) {
  for (int i = 0; i < lanes; i++) {
    for (int j = i + 1; j < lanes; j++) {
      const float swapped = r[i].at[j];
      r[i].at[j] = r[j].at[i];
      r[j].at[i] = swapped;
    }
  }
}

// Element j of r[i] goes to place 4 * j + i of all four, one after the other.
inline void interleave(vi (&r)[4]) {
  int32_t all[4 * lanes];
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < lanes; j++) all[4 * j + i] = r[i].at[j];
  }
  for (int i = 0; i < 4; i++) r[i] = load(all + i * lanes);
}

// Each lane of a and b is a pair of bfloat16: c + a.low * b.low + a.high * b.high.
inline vf dot_pairs(vi a, vi b, vf c) {
  const vi high = set_int(INT32_MIN >> 15);
  const vf low = fma(bits_to_float(shift_left<16>(a)), bits_to_float(shift_left<16>(b)), c);
  return fma(bits_to_float(bit_and(a, high)), bits_to_float(bit_and(b, high)), low);
}

inline vf round_to_bf16(vf x) { ETTIN_EACH(vf, to_float(to_bf16(x.at[i]))); }

#undef ETTIN_EACH

// Sums in a fixed tree: halves, quarters, pairs.
inline float reduce_add(vf a) {
  for (int n = lanes / 2; n > 0; n /= 2) {
    for (int i = 0; i < n; i++) a.at[i] += a.at[i + n];
  }
  return a.at[0];
}
inline float reduce_max(vf a) {
  for (int n = lanes / 2; n > 0; n /= 2) {
    for (int i = 0; i < n; i++) a.at[i] = a.at[i] > a.at[i + n] ? a.at[i] : a.at[i + n];
  }
  return a.at[0];
}

}  // namespace ettin::ETTIN_LEVEL
