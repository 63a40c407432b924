// random_normal: y drawn from the normal distribution with mean 0, cut off at bound standard deviations.
//
//   u[i] = (the upper 31 bits of a word + 1/2) / 2^31       p[i] = outside + u[i] (1/2 - outside)
//   y[i] = +-std Q(p[i]), at most std bound; the word's lowest bit is the sign
//
// p is the mass beyond |y|, `outside` that beyond the bound, and Q the upper quantile by algorithm PPND7 (Wichura 1988,
// AS 241), about 1e-7 of it. Word i of philox (philox.h) has the counter (i / 4, i / 2^34, 0, 0) and the key of
// (seed, stream): any element can be drawn alone, in any order.
#include "elementary.h"
#include "elementwise.h"
#include "philox.h"

namespace ettin::ETTIN_LEVEL {

namespace {

// c[0] + c[1] x + c[2] x^2 + ...
template <int N>
inline vf polynomial(vf x, const float (&c)[N]) {
  vf y = set(c[N - 1]);
  for (int i = N - 2; i >= 0; i--) y = fma(y, x, set(c[i]));
  return y;
}

// Q(p) for p in (0, 1/2].
inline vf upper_quantile(vf p) {
  const vf q = sub(set(0.5f), p);
  const vf near = fnma(q, q, set(0.180625f));
  const vf middle = mul(q, div(polynomial(near, {3.3871327179f, 50.434271938f, 159.29113202f, 59.109374720f}),
                               polynomial(near, {1.0f, 17.895169469f, 78.757757664f, 67.187563600f})));
  const vf root = sqrt(sub(zero(), log(p)));
  const vf far = sub(root, set(1.6f));
  const vf tail = div(polynomial(far, {1.4234372777f, 2.7568153900f, 1.3067284816f, 0.17023821103f}),
                      polynomial(far, {1.0f, 0.73700164250f, 0.12021132975f}));
  return select(less_equal(q, set(0.425f)), middle, tail);
}

}  // namespace

void random_normal(Context& context, Out y, double std, double outside, double bound, int64_t seed, int64_t stream) {
  const PhiloxKey key = philox_key(seed, stream);
  const vf floor = set(static_cast<float>(outside)), span = set(static_cast<float>((0.5 - outside) / 2147483648.0));
  const vf scale = set(static_cast<float>(std)), most = set(static_cast<float>(bound));
  by_float(y.dtype, [&]<class Real>() {
    parallel_chunks(context, size_of(y), elementwise_grain, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; at += 4 * lanes) {
        const int64_t group = at / 4;  // the grain is a multiple of 4: a chunk begins with the first word of a counter
        const vi low = add(set_int(static_cast<int32_t>(group)), iota());
        Draw draw = philox(low, set_int(static_cast<int32_t>(group >> 32)), set_int(0), set_int(0), key);
        interleave(draw.word);
        for (int i = 0; i < 4; i++) {
          const int64_t place = at + i * lanes;
          if (place >= end) return;
          const vf u = add(int_to_float(shift_right<1>(draw.word[i])), set(0.5f));
          const vf size = mul(scale, min(upper_quantile(fma(u, span, floor)), most));
          const vi sign = shift_left<31>(draw.word[i]);
          store(as<Real>(y) + place, bits_to_float(bit_xor(float_to_bits(size), sign)), end - place);
        }
      }
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
