// exp, and what is built on it, for a vector of floats: ours, so that every machine of a level gives the
// same bits. Errors are stated in units in the last place (ulp) of float32.
#pragma once

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

// e^x within 2 ulp; 0 below -87.34 (no denormals), infinity above 88.72, NaN for NaN.
// x = n ln 2 + r with |r| <= ln 2 / 2; e^r by its Taylor polynomial of degree 7; 2^n in two factors, so that
// n = 128 still works.
inline vf exp(vf x) {
  const vf n = round(mul(x, set(1.44269504088896341f)));
  vf r = fnma(n, set(0.693359375f), x);  // ln 2 in two parts: the first has 9 bits, so n times it is exact
  r = fnma(n, set(-2.12194440e-4f), r);
  vf p = set(1.0f / 5040.0f);
  p = fma(p, r, set(1.0f / 720.0f));
  p = fma(p, r, set(1.0f / 120.0f));
  p = fma(p, r, set(1.0f / 24.0f));
  p = fma(p, r, set(1.0f / 6.0f));
  p = fma(p, r, set(0.5f));
  p = fma(p, mul(r, r), r);
  p = add(p, set(1.0f));
  const vi k = float_to_int(n);
  const vi half = sub(shift_right<1>(add(k, set_int(256))), set_int(128));  // floor(k / 2) for k > -256
  const vf two_half = bits_to_float(shift_left<23>(add(half, set_int(127))));
  const vf two_rest = bits_to_float(shift_left<23>(add(sub(k, half), set_int(127))));
  vf y = mul(mul(p, two_half), two_rest);
  y = select(less(x, set(-87.33654f)), zero(), y);
  y = select(less(set(88.72283f), x), set(__builtin_inff()), y);
  return select(is_nan(x), x, y);
}

}  // namespace ettin::ETTIN_LEVEL
