// exp, tanh, log and the like for a vector of floats: ours, so that every machine of a level gives the same
// bits. Errors are stated in units in the last place (ulp) of float32, over all floats; the test looks at each
// of them. Coefficients come from scripts/reference/fit_elementary.py.
#pragma once

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

// x = n ln 2 + r with |r| <= ln 2 / 2, and e^r.
struct Exponent {
  vf n, power;
};
inline Exponent split_exponent(vf x) {
  const vf n = round(mul(x, set(1.44269504088896341f)));
  vf r = fnma(n, set(0.693359375f), x);  // ln 2 in two parts: the first has 9 bits, so n times it is exact
  r = fnma(n, set(-2.12194440e-4f), r);
  vf p = set(0.00138145985f);
  p = fma(p, r, set(0.00836871689f));
  p = fma(p, r, set(0.041668388f));
  p = fma(p, r, set(0.166665206f));
  p = fma(p, r, set(0.499999934f));
  p = fma(p, mul(r, r), r);
  return {n, add(p, set(1.0f))};
}

// e^x within 2 ulp; 0 below -87.34 (no denormals), infinity above 88.72, NaN for NaN.
// 2^n goes in two factors, so that n = 128 still works.
inline vf exp(vf x) {
  const Exponent e = split_exponent(x);
  const vi k = float_to_int(e.n);
  const vi half = sub(shift_right<1>(add(k, set_int(256))), set_int(128));  // floor(k / 2) for k > -256
  const vf two_half = bits_to_float(shift_left<23>(add(half, set_int(127))));
  const vf two_rest = bits_to_float(shift_left<23>(add(sub(k, half), set_int(127))));
  vf y = mul(mul(e.power, two_half), two_rest);
  y = select(less(x, set(-87.33654f)), zero(), y);
  y = select(less(set(88.72283f), x), set(__builtin_inff()), y);
  return select(is_nan(x), x, y);
}

// x 2^n where both x and the result are normal numbers: n is added to the exponent.
inline vf times_power(vf x, vf n) { return bits_to_float(add(float_to_bits(x), shift_left<23>(float_to_int(n)))); }

// e^x for x <= 0 within 2 ulp, in fewer steps than exp; below -87 it stays at e^-87, about 1e-38.
inline vf exp_nonpositive(vf x) {
  const Exponent e = split_exponent(max(set(-87.0f), x));  // a NaN passes
  return times_power(e.power, e.n);
}

// 1 / (1 + e^-x) within 4 ulp down to x = -87, about 1e-38 below.
inline vf sigmoid(vf x) {
  const vf e = exp_nonpositive(sub(zero(), abs(x)));
  return div(select(less(x, zero()), e, set(1.0f)), add(set(1.0f), e));
}

// tanh within 6 ulp: x P(t) / Q(t) with t = x^2, held at 9.02^2, where it reaches 1.
inline vf tanh(vf x) {
  const vf t = min(set(9.02f * 9.02f), mul(x, x));  // a NaN passes
  vf p = set(1.33190847e-8f);
  p = fma(p, t, set(2.05834922e-5f));
  p = fma(p, t, set(3.4940353e-3f));
  p = fma(p, t, set(0.133797186f));
  p = fma(p, t, set(0.999999979f));
  vf q = set(7.76202517e-7f);
  q = fma(q, t, set(3.28309399e-4f));
  q = fma(q, t, set(0.0258710761f));
  q = fma(q, t, set(0.467130338f));
  q = fma(q, t, set(1.0f));
  const vf y = div(mul(x, p), q);
  return min(set(1.0f), max(set(-1.0f), y));
}

// The normal distribution: the probability Phi of a value below x, with an absolute error below 3e-7.
// Phi = 1/2 + x P(t) / Q(t) with t = x^2, held at 5.2^2, where Phi reaches 0 and 1.
inline vf normal_cdf(vf x) {
  const vf t = min(set(5.2f * 5.2f), mul(x, x));  // a NaN passes
  vf p = set(5.84004462e-6f);
  p = fma(p, t, set(3.14229891e-4f));
  p = fma(p, t, set(0.00551852056f));
  p = fma(p, t, set(0.0495905835f));
  p = fma(p, t, set(0.398941918f));
  vf q = set(5.01857047e-7f);
  q = fma(q, t, set(1.12728273e-4f));
  q = fma(q, t, set(0.00270355745f));
  q = fma(q, t, set(0.0373380933f));
  q = fma(q, t, set(0.290965927f));
  q = fma(q, t, set(1.0f));
  const vf y = div(mul(x, p), q);
  return add(min(set(0.5f), max(set(-0.5f), y)), set(0.5f));
}

// Phi together with the density phi, for gradients: here one quotient serves the tail that phi is a factor of.
// Absolute errors below 3e-7. Held at |x| = 13, where phi is 1e-38.
//   phi = 2^n 2^f / sqrt(2 pi) with n + f = -x^2 / 2 log2 e, and Phi(-|x|) = phi P(|x|) / Q(|x|)
struct Normal {
  vf held, cdf, pdf;
};
inline Normal normal(vf x) {
  const vf c = min(set(13.0f), max(set(-13.0f), x)), a = abs(c);  // a NaN passes
  const vf e = mul(mul(a, a), set(-0.721347520f));
  const vf n = round(e), f = sub(e, n);
  vf p = set(5.29653682e-4f);
  p = fma(p, f, set(0.00385999163f));
  p = fma(p, f, set(0.0221441431f));
  p = fma(p, f, set(0.0958343905f));
  p = fma(p, f, set(0.276525632f));
  p = fma(p, f, set(0.398942309f));
  const vf pdf = times_power(p, n);

  vf top = set(-2.45122955e-4f), bottom = set(0.0891157157f);
  top = fma(top, a, set(0.0932216717f));
  bottom = fma(bottom, a, set(0.524714431f));
  top = fma(top, a, set(0.492877703f));
  bottom = fma(bottom, a, set(1.19115048f));
  top = fma(top, a, set(1.25331426f));
  bottom = fma(bottom, a, set(1.0f));
  const vf tail = div(mul(pdf, top), bottom);
  return {c, select(less(c, zero()), tail, sub(set(1.0f), tail)), pdf};
}

// log(1 + f) for f in [sqrt 1/2 - 1, sqrt 2 - 1] within 2 ulp.
inline vf log1p_small(vf f) {
  vf p = set(-0.0763449651f);
  p = fma(p, f, set(0.12761577f));
  p = fma(p, f, set(-0.131601824f));
  p = fma(p, f, set(0.14201758f));
  p = fma(p, f, set(-0.166233573f));
  p = fma(p, f, set(0.200012269f));
  p = fma(p, f, set(-0.25000821f));
  p = fma(p, f, set(0.333333317f));
  const vf square = mul(f, f);
  return add(f, mul(square, fma(p, f, set(-0.5f))));
}

// log(1 + x) for x in [0, 1] within 2 ulp.
inline vf log1p_unit(vf x) {
  const mask upper = less(set(0.414213562f), x);
  const vf f = select(upper, fma(x, set(0.5f), set(-0.5f)), x);  // (1 + x) / 2 - 1, exact
  return add(log1p_small(f), select(upper, set(0.693147181f), zero()));
}

// x = 2^n (1 + f) with 1 + f between sqrt 1/2 and sqrt 2, for a positive, normal, finite x.
struct Parts {
  vf n, f;
};
inline Parts split(vf x) {
  const vi shifted = add(float_to_bits(x), set_int(0x3f800000 - 0x3f3504f3));  // sqrt 1/2 counts as 1
  const vi n = sub(shift_right<23>(shifted), set_int(127));
  const vi m = add(bit_and(shifted, set_int(0x007fffff)), set_int(0x3f3504f3));
  return {int_to_float(n), sub(bits_to_float(m), set(1.0f))};
}
inline vf log_of(Parts x, vf f) { return fma(x.n, set(0.693359375f), fma(x.n, set(-2.12194440e-4f), log1p_small(f))); }

// What a logarithm of x is where x is not a positive, normal, finite number: denormals count as zero.
inline vf log_edges(vf x, vf y) {
  const float infinity = __builtin_inff();
  y = select(less(x, set(1.17549435e-38f)), set(-infinity), y);
  y = select(less(x, zero()), set(__builtin_nanf("")), y);
  y = select(equal(x, set(infinity)), x, y);
  return select(is_nan(x), x, y);
}

// log x within 2 ulp; -infinity at zero, NaN below.
inline vf log(vf x) {
  const Parts s = split(x);
  return log_edges(x, log_of(s, s.f));
}

// log(1 + x) within 3 ulp, accurate for the tiniest x; -infinity at -1, NaN below.
inline vf log1p(vf x) {
  const vf u = add(set(1.0f), x);
  const Parts s = split(u);
  const vf y = log_of(s, select(equal(s.n, zero()), x, s.f));  // near zero x itself is f, not yet rounded
  return log_edges(u, y);
}

}  // namespace ettin::ETTIN_LEVEL
