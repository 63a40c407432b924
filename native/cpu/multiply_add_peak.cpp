// multiply_add_peak: the most multiply-adds that this machine does, for benchmarks to measure against.
//
//   y [2]: the operations done (a multiply and an add are two), and a number that keeps the loop alive
//
// Each of `threads` tasks runs `steps` rounds over accumulators that stay in registers. They are variables with
// names: as an array they could spill. 24 where the level has 32 registers, 12 where it has 16: enough to hide the
// latency of 4 cycles on two units.
#include "simd.h"

namespace ettin::ETTIN_LEVEL {

namespace {

#define ETTIN_TWELVE(F, x) \
  F(x##0) F(x##1) F(x##2) F(x##3) F(x##4) F(x##5) F(x##6) F(x##7) F(x##8) F(x##9) F(x##10) F(x##11)
#define ETTIN_ACCUMULATOR(name) vf name = set(start += 1.0f);
#define ETTIN_STEP(name) name = step(name);
#define ETTIN_TOTAL(name) total = add(total, name);

// Rounds of `step` on each accumulator; the operations of one step are the caller's to count.
template <class Step>
float rounds(int64_t steps, const Step& step, int64_t& accumulators) {
  float start = 0.0f;
  vf total = zero();
  ETTIN_TWELVE(ETTIN_ACCUMULATOR, a)
  if constexpr (lanes == 16) {
    ETTIN_TWELVE(ETTIN_ACCUMULATOR, b)
    for (int64_t i = 0; i < steps; i++) {
      ETTIN_TWELVE(ETTIN_STEP, a)
      ETTIN_TWELVE(ETTIN_STEP, b)
    }
    ETTIN_TWELVE(ETTIN_TOTAL, b)
  } else {
    for (int64_t i = 0; i < steps; i++) {
      ETTIN_TWELVE(ETTIN_STEP, a)
    }
  }
  ETTIN_TWELVE(ETTIN_TOTAL, a)
  accumulators = lanes == 16 ? 24 : 12;
  return reduce_add(total);
}

#undef ETTIN_TWELVE
#undef ETTIN_ACCUMULATOR
#undef ETTIN_STEP
#undef ETTIN_TOTAL

}  // namespace

void multiply_add_peak(Context& context, Out y, bool pairs, int64_t threads, int64_t steps) {
  float* results = static_cast<float*>(scratch(context, threads * 2 * 4));
  parallel_for(context, threads, [&](int64_t task, int) {
    const vf half = set(0.5f), quarter = set(0.25f);  // x = x / 2 + 1 / 4 stays a number of ordinary size
    int64_t accumulators = 0, per_step = 2 * lanes;
    float rest = 0.0f;
#ifdef ETTIN_HAS_DOT_PAIRS
    if (pairs) {
      const vi small = set_int(0x34003400);  // two bfloat16 of 2^-23: a hundred million rounds stay below 1e-4
      rest = rounds(
          steps, [&](vf sum) { return dot_pairs(small, small, sum); }, accumulators);
      per_step *= 2;
    }
#endif
    if (accumulators == 0 && !pairs)
      rest = rounds(
          steps, [&](vf x) { return fma(x, half, quarter); }, accumulators);
    results[2 * task] = static_cast<float>(steps * accumulators * per_step);
    results[2 * task + 1] = rest;
  });
  as<float>(y)[0] = as<float>(y)[1] = 0.0f;
  for (int64_t i = 0; i < 2 * threads; i++) as<float>(y)[i % 2] += results[i];
}

}  // namespace ettin::ETTIN_LEVEL
