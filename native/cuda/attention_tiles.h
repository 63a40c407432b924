// The pieces of attention's kernels: which keys a query sees, the draws of dropout, rows written from registers. A warp
// holds 16 rows of scores as tensor cores return them: lane l, g = l / 4, t = l % 4, has rows g and g + 8 and of every
// 8 columns n the two 8n + 2t and 8n + 2t + 1, in c[n][0], c[n][1] (row g) and c[n][2], c[n][3] (row g + 8).
#pragma once

#include "attention.h"

namespace ettin::ETTIN_LEVEL {

constexpr int warp_rows = 16;
constexpr float minus_infinity = -__builtin_inff();

// 2^x within 2 units in the last place; what would be denormal is zero.
__device__ __forceinline__ float power_of_two(float x) {
#ifdef __CUDA_ARCH__
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return exp2f(x);
#endif
}

// Query i of a sequence stands at place i + shift among its keys, so that the last query stands at the last key.
struct Band {
  int queries, keys, shift, left, right;

  __device__ __forceinline__ int first_key(int i) const { return max(0, i + shift - left); }
  __device__ __forceinline__ int end_key(int i) const { return max(0, min(keys, i + shift + right + 1)); }
  __device__ __forceinline__ int first_query(int j) const { return max(0, j - right - shift); }
  __device__ __forceinline__ int end_query(int j) const { return max(0, min(queries, j + left - shift + 1)); }
};
__device__ __forceinline__ Band band_of(const Attention& a, int queries, int keys) {
  return {queries, keys, keys - queries, a.left, a.right};
}

struct Range {
  int begin, end;
};
// What at least one of the rows [first, first + count) sees, or is seen by; count is not 0.
__device__ __forceinline__ Range keys_seen(const Band& band, int first, int count) {
  return {band.first_key(first), band.end_key(first + count - 1)};
}
__device__ __forceinline__ Range queries_seeing(const Band& band, int first, int count) {
  return {band.first_query(first), band.end_query(first + count - 1)};
}

// Which probabilities of a head of a sequence stay.
struct HeadDropout {
  uint32_t threshold, sequence, place;
  float keep;
  PhiloxKey key;

  // Of key j and the other three keys that share its draw.
  __device__ __forceinline__ Draw draw(int query_place, int j) const {
    return philox(key_counter(j), static_cast<uint32_t>(query_place), sequence, place, key);
  }
};
__device__ __forceinline__ HeadDropout head_dropout(const Attention& a, int b, int head) {
  const AttentionDropout& d = a.dropout;
  const int64_t number = d.numbers && b < a.sequences ? d.numbers[b] : d.first_number + b;
  return {d.threshold, static_cast<uint32_t>(number), philox_place(d.site, head), d.keep, d.key};
}
// Of a warp's scores whose rows are queries, the first at `query_place`, and whose columns are keys from j on, j a
// multiple of 16: a bit for each of up to 64 columns that this lane holds. Eight draws are enough for them.
__device__ __forceinline__ uint32_t bits_of_tile(const HeadDropout& dropout, int query_place, int j) {
  const int lane = static_cast<int>(threadIdx.x) % warp, g = lane / 4, t = lane % 4;
  uint32_t bits = 0;
#pragma unroll 1
  for (int i = 0; i < 8; i++) {
    const Draw draw = dropout.draw(query_place + g + i / 4 * 8, j / 16 * 16 + i / 2 % 2 * 8 + 2 * t + i % 2);
#pragma unroll
    for (int w = 0; w < 4; w++) bits |= (kept(draw.word[w], dropout.threshold) ? 1u : 0u) << (4 * i + w);
  }
  return bits;
}
// Of c[n][e].
__device__ __forceinline__ bool stays_in_tile(uint32_t bits, int j, int n, int e) {
  return bits >> (16 * (e / 2) + 8 * (n % 2) + 4 * (e % 2) + (j / 16 + n / 2) % 4) & 1u;
}
// Of `columns` scores whose rows are keys, the first is j, and whose columns are queries: bit 4n + e is of c[n][e].
template <int columns>
__device__ __forceinline__ uint32_t bits_of_queries(const HeadDropout& dropout, int query_place, int j) {
  const int lane = static_cast<int>(threadIdx.x) % warp, g = lane / 4, t = lane % 4;
  uint32_t bits = 0;
#pragma unroll 1
  for (int i = 0; i < columns / 2; i++) {
    const Draw draw = dropout.draw(query_place + i / 4 * 8 + 2 * t + i % 2, j + g + i / 2 % 2 * 8);
    const int w = key_word(j);
    const uint32_t word = w < 2 ? (w == 0 ? draw.word[0] : draw.word[1]) : (w == 2 ? draw.word[2] : draw.word[3]);
    bits |= (kept(word, dropout.threshold) ? 1u : 0u) << i;
  }
  return bits;
}

template <class Real>
struct alignas(4 * sizeof(Real)) Four {
  Real item[4];
};
template <class Real>
__device__ __forceinline__ void store_four(Real* to, float4 x) {
  Four<Real> four;
  store(&four.item[0], x.x);
  store(&four.item[1], x.y);
  store(&four.item[2], x.z);
  store(&four.item[3], x.w);
  *reinterpret_cast<Four<Real>*>(to) = four;
}

__device__ __forceinline__ float4 load_four(const float* p) { return *reinterpret_cast<const float4*>(p); }
__device__ __forceinline__ float4 load_four(const bf16* p) {
  const auto four = *reinterpret_cast<const Four<bf16>*>(p);
  return make_float4(to_float(four.item[0]), to_float(four.item[1]), to_float(four.item[2]), to_float(four.item[3]));
}

// Four pairs of channels turned by the angles of `position` from channel j on; `direction` -1 turns back.
__device__ __forceinline__ void turn_four(float4& low, float4& high, const Attention& a, int position, int j,
                                          float direction) {
  const int64_t at = int64_t{min(position, a.positions - 1)} * (a.dim / 2) + j;
  const float4 c = load_four(a.cos + at), s = load_four(a.sin + at);
  const auto turn = [](float& x, float& y, float c1, float s1) {
    const float turned = fmaf(x, c1, -(y * s1));
    y = fmaf(y, c1, x * s1);
    x = turned;
  };
  turn(low.x, high.x, c.x, s.x * direction);
  turn(low.y, high.y, c.y, s.y * direction);
  turn(low.z, high.z, c.z, s.z * direction);
  turn(low.w, high.w, c.w, s.w * direction);
}

// Where a warp's rows lie before they are written: 16 rows of float32 of its own.
template <int W>
struct Stage {
  static constexpr int stride = W + 4, floats = warp_rows * stride;
};

// Writes `count` of the warp's rows, each times a factor, from registers to memory; with a table they are rotated back
// first, row r by the angle of `position` + r. The stage is the warp's own memory.
template <class Real, int W>
__device__ __forceinline__ void write_rows(float* stage, const float (&c)[W / 8][4], float factor, float factor8,
                                           Real* to, int64_t to_row, int count, int dim, const Attention& a,
                                           bool rotated, int position) {
  const int lane = static_cast<int>(threadIdx.x) % warp, g = lane / 4, t = lane % 4;
  __syncwarp();
#pragma unroll
  for (int n = 0; n < W / 8; n++) {
    *reinterpret_cast<float2*>(stage + g * Stage<W>::stride + 8 * n + 2 * t) =
        make_float2(c[n][0] * factor, c[n][1] * factor);
    *reinterpret_cast<float2*>(stage + (g + 8) * Stage<W>::stride + 8 * n + 2 * t) =
        make_float2(c[n][2] * factor8, c[n][3] * factor8);
  }
  __syncwarp();
  const int half = dim / 2, pieces = rotated ? half / 4 : dim / 4;
  for (int i = lane; i < count * pieces; i += warp) {
    const int r = i / pieces, j = i % pieces * 4;
    const float* from = stage + r * Stage<W>::stride + j;
    float4 low = load_four(from);
    Real* at = to + r * to_row + j;
    if (rotated) {
      float4 high = load_four(from + half);
      turn_four(low, high, a, position + r, j, -1.0f);
      store_four(at + half, high);
    }
    store_four(at, low);
  }
}

}  // namespace ettin::ETTIN_LEVEL
