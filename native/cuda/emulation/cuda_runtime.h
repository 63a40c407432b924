// CUDA for a plain C++ compiler: the part of the language and of the runtime that native/cuda uses, on the CPU. Found
// in place of the toolkit's header by the build for emulation. Device memory is the process's own, a stream runs its
// work at once, so what is tested here is what kernels compute, not when.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fibers.h"
#include "runtime.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static thread_local
#define __constant__ static const
#define __align__(n) alignas(n)

using dim3 = ettin::emulation::Index;
#define threadIdx (::ettin::emulation::thread->index)
#define blockIdx (::ettin::emulation::block->index)
#define blockDim (::ettin::emulation::block->block)
#define gridDim (::ettin::emulation::block->grid)

struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

// Barriers and exchanges. Only whole warps: another mask is an error.
namespace ettin::emulation {
inline void whole(unsigned mask) {
  if (mask != 0xffffffffu) throw std::runtime_error("[emulation] an exchange among part of a warp");
}
}  // namespace ettin::emulation
inline int __syncthreads_count(int x, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return ettin::emulation::wait_for_block({file, line}, x != 0);
}
inline int __syncthreads_or(int x, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return __syncthreads_count(x, file, line) != 0;
}
inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  __syncthreads_count(0, file, line);
}
inline void __syncwarp(unsigned mask = 0xffffffffu) {
  ettin::emulation::whole(mask);
  ettin::emulation::wait_for_warp();
}
template <class T>
T __shfl_sync(unsigned mask, T x, int source, int width = 32) {
  ettin::emulation::whole(mask);
  const int lane = ettin::emulation::lane();
  return ettin::emulation::exchange(x, lane / width * width + (source & (width - 1)));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T x, int lanes_, int width = 32) {
  ettin::emulation::whole(mask);
  const int lane = ettin::emulation::lane(), source = lane ^ lanes_;
  return ettin::emulation::exchange(x, source / width > lane / width ? lane : source);
}
template <class T>
T __shfl_down_sync(unsigned mask, T x, unsigned distance, int width = 32) {
  ettin::emulation::whole(mask);
  const int lane = ettin::emulation::lane(), source = lane + static_cast<int>(distance);
  return ettin::emulation::exchange(x, source / width == lane / width ? source : lane);
}
template <class T>
T __shfl_up_sync(unsigned mask, T x, unsigned distance, int width = 32) {
  ettin::emulation::whole(mask);
  const int lane = ettin::emulation::lane(), source = lane - static_cast<int>(distance);
  return ettin::emulation::exchange(x, source >= lane / width * width ? source : lane);
}
inline unsigned __ballot_sync(unsigned mask, int vote) {
  ettin::emulation::whole(mask);
  const int mine = vote != 0;
  ettin::emulation::publish(&mine, sizeof mine);
  unsigned all = 0;
  for (int l = 0; l < 32; l++)
    all |= static_cast<unsigned>(*static_cast<const int*>(ettin::emulation::published(l))) << l;
  return all;
}
inline int __any_sync(unsigned mask, int vote) { return __ballot_sync(mask, vote) != 0; }
inline int __all_sync(unsigned mask, int vote) { return __ballot_sync(mask, vote) == 0xffffffffu; }
template <class T>
unsigned __match_any_sync(unsigned mask, T x) {
  ettin::emulation::whole(mask);
  ettin::emulation::publish(&x, sizeof x);
  unsigned same = 0;
  for (int l = 0; l < 32; l++) {
    same |= static_cast<unsigned>(std::memcmp(ettin::emulation::published(l), &x, sizeof x) == 0) << l;
  }
  return same;
}
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}

// One thread of a block runs at a time, and blocks one after another: plain arithmetic is atomic.
template <class T>
T atomicAdd(T* p, T x) {
  T old = *p;
  *p = old + x;
  return old;
}
template <class T>
T atomicMax(T* p, T x) {
  T old = *p;
  if (x > old) *p = x;
  return old;
}
template <class T>
T atomicMin(T* p, T x) {
  T old = *p;
  if (x < old) *p = x;
  return old;
}
template <class T>
T atomicExch(T* p, T x) {
  T old = *p;
  *p = x;
  return old;
}
template <class T>
T atomicCAS(T* p, T expected, T x) {
  T old = *p;
  if (old == expected) *p = x;
  return old;
}

// Arithmetic. The fast forms are as exact as the others here.
inline int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
inline float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
inline float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>((uint64_t{a} * b) >> 32); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
template <class T>
T __ldg(const T* p) {
  return *p;
}
template <class T>
T __ldcs(const T* p) {
  return *p;
}
template <class T>
void __stcs(T* p, T x) {
  *p = x;
}
