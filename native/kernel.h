// What every kernel file sees, whatever it is compiled for. The files of a device, and on the CPU of an instruction-set
// level, are compiled with ETTIN_LEVEL set; everything here, inline helpers and templates included, lives in
// ettin::ETTIN_LEVEL, and no standard-library template is used: the linker could keep the copy that was compiled with
// AVX-512 for every caller.
#pragma once

#include <stdint.h>

#include "kernels.h"
#include "runtime/context.h"
#include "view.h"

#ifndef ETTIN_LEVEL
#define ETTIN_LEVEL baseline
#endif

#ifdef __CUDACC__
#define ETTIN_ANYWHERE __host__ __device__
#else
#define ETTIN_ANYWHERE
#endif

namespace ettin::ETTIN_LEVEL {

// The kernels of this level. Its table lists them; a signature that differs from kernels.h does not link.
#define ETTIN_DECLARE(name, parameters) void name parameters;
ETTIN_KERNELS(ETTIN_DECLARE)
#undef ETTIN_DECLARE

struct bf16 {  // the upper half of a float32
  uint16_t bits;
};

ETTIN_ANYWHERE inline float to_float(float x) { return x; }
ETTIN_ANYWHERE inline float to_float(bf16 x) { return __builtin_bit_cast(float, uint32_t{x.bits} << 16); }

// Rounds to nearest, ties to even; a NaN stays a NaN.
ETTIN_ANYWHERE inline bf16 to_bf16(float x) {
#ifdef __CUDA_ARCH__
  bf16 y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
#else
  const uint32_t u = __builtin_bit_cast(uint32_t, x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((u >> 16) | 0x40u)};
  return {static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
#endif
}
ETTIN_ANYWHERE inline void store(float* p, float x) { *p = x; }
ETTIN_ANYWHERE inline void store(bf16* p, float x) { *p = to_bf16(x); }

template <class T>
ETTIN_ANYWHERE constexpr T min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
ETTIN_ANYWHERE constexpr T max(T a, T b) {
  return a < b ? b : a;
}
ETTIN_ANYWHERE constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
ETTIN_ANYWHERE constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

inline bool present(const View& v) { return v.data != nullptr; }

template <class T>
T* as(const View& v) {
  return static_cast<T*>(v.data);
}

inline int64_t size_of(const View& v) {
  int64_t n = 1;
  for (int d = 0; d < v.dims; d++) n *= v.shape[d];
  return n;
}
inline int64_t last(const View& v) { return v.dims ? v.shape[v.dims - 1] : 1; }
inline int64_t rows(const View& v) { return last(v) ? size_of(v) / last(v) : 0; }

// Contiguous x seen as [outer, n, inner] around an axis.
struct Axis {
  int64_t outer, n, inner;
};
inline Axis axis_of(const View& v, int64_t axis) {
  Axis a{1, v.shape[axis], 1};
  for (int64_t d = 0; d < axis; d++) a.outer *= v.shape[d];
  for (int64_t d = axis + 1; d < v.dims; d++) a.inner *= v.shape[d];
  return a;
}

// Calls body with a value of the view's element type: by_float(x.dtype, [&]<class T>() { … as<T>(x) … }).
template <class Body>
void by_float(DType dtype, const Body& body) {
  if (dtype == DType::bfloat16) {
    body.template operator()<bf16>();
  } else if (dtype == DType::float32) {
    body.template operator()<float>();
  } else {
    fail("a tensor of dtype %d, which this kernel does not take. Cast it to float32 or bfloat16.", int(dtype));
  }
}

}  // namespace ettin::ETTIN_LEVEL
