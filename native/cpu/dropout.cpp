// dropout: y = x / (1 - rate) where kept, else 0; an element is kept with probability 1 - rate.
//
// x [T,C] (further axes count as rows). The draw for a channel is a word of philox (philox.h) whose counter is
// (channel / 4, position, the sequence's number in the step, site) and whose key comes from (seed, step): the
// mask does not depend on how the batch was split, and backward is the same call on dy. With offsets, position
// counts from each sequence's start, and sequence b has number sequences[b], or first_sequence + b; without,
// all of x is the one sequence first_sequence.
#include "elementwise.h"
#include "packed_offsets.h"
#include "philox.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Dropout {
  int32_t threshold, place;
  PhiloxKey key;
  float scale;
};

template <class T>
void dropout_row(T* y, const T* x, int64_t C, int64_t position, int64_t sequence, const Dropout& drop) {
  const vi row = set_int(static_cast<int32_t>(position)), number = set_int(static_cast<int32_t>(sequence));
  for (int64_t c = 0; c < C; c += 4 * lanes) {
    const vi counter = add(set_int(static_cast<int32_t>(c / 4)), iota());
    Draw draw = philox(counter, row, number, set_int(drop.place), drop.key);
    interleave(draw.word);
    for (int i = 0; i < 4; i++) {
      const int64_t at = c + i * lanes;
      if (at >= C) return;
      const vf scaled = mul(load(x + at, C - at), set(drop.scale));
      store(y + at, select(kept(draw.word[i], drop.threshold), scaled, zero()), C - at);
    }
  }
}

// The sequence that row t is in: the last one that starts at or before it.
int64_t sequence_of(const int32_t* offsets, int64_t sequences, int64_t t) {
  int64_t low = 0, high = sequences;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (offsets[middle] <= t ? low : high) = middle;
  }
  return low;
}

}  // namespace

void dropout(Context& context, Out y, View x, Optional offsets, Optional sequences, int64_t first_sequence, double rate,
             int64_t seed, int64_t step, int64_t site) {
  if (rate <= 0) return copy(context, y, x);
  if (rate >= 1) return fill(context, y, 0);

  const int64_t C = last(x), T = rows(x);
  const Dropout drop{dropout_threshold(rate), philox_place(site), philox_key(seed, step),
                     static_cast<float>(1 / (1 - rate))};
  const int32_t* starts = present(offsets) ? as<int32_t>(offsets) : nullptr;
  const int64_t B = starts ? size_of(offsets) - 1 : 0;
  const int64_t rows_per_token = starts && x.shape[0] ? T / x.shape[0] : 1;
  if (starts) check_offsets("offsets", starts, B, x.shape[0]);

  by_float(y.dtype, [&]<class T_>() {
    parallel_chunks(context, T, max<int64_t>(1, elementwise_grain / max<int64_t>(1, C)),
                    [&](int64_t begin, int64_t end) {
                      int64_t b = starts ? sequence_of(starts, B, begin / rows_per_token) : 0;
                      for (int64_t t = begin; t < end; t++) {
                        int64_t position = t, sequence = first_sequence;
                        if (starts) {
                          while (starts[b + 1] <= t / rows_per_token) b++;
                          position = t - int64_t{starts[b]} * rows_per_token;
                          sequence = present(sequences) ? as<int32_t>(sequences)[b] : first_sequence + b;
                        }
                        dropout_row(as<T_>(y) + t * C, as<T_>(x) + t * C, C, position, sequence, drop);
                      }
                    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
