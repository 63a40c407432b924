// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): a
// function from a counter of four words and a key of two words to four random words. Nothing is carried
// from draw to draw, so a mask can be drawn again in the backward pass, in pieces and in any order.
#pragma once

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

struct PhiloxKey {
  uint32_t low, high;
};

// Every (seed, step) has its own key: both pass through a 64-bit mixing function that loses nothing.
inline PhiloxKey philox_key(int64_t seed, int64_t step) {
  const auto mix = [](uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  };
  const uint64_t key = mix(mix(static_cast<uint64_t>(seed) + 0x9e3779b97f4a7c15u) + static_cast<uint64_t>(step));
  return {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
}

// The counter's last word: which call site of the model draws, and for which head.
inline int32_t philox_place(int64_t site, int64_t head = 0) {
  return static_cast<int32_t>(static_cast<uint32_t>(site) << 12 ^ static_cast<uint32_t>(head));
}

struct Draw {
  vi word[4];
};

// Each lane is a counter of its own.
inline Draw philox(vi c0, vi c1, vi c2, vi c3, PhiloxKey key) {
  const vi m0 = set_int(static_cast<int32_t>(0xd2511f53u)), m1 = set_int(static_cast<int32_t>(0xcd9e8d57u));
  for (int round = 0; round < 10; round++) {
    const vi k0 = set_int(static_cast<int32_t>(key.low)), k1 = set_int(static_cast<int32_t>(key.high));
    const vi high0 = mul_high(m0, c0), low0 = mul(m0, c0);
    const vi high1 = mul_high(m1, c2), low1 = mul(m1, c2);
    c0 = bit_xor(bit_xor(high1, c1), k0);
    c1 = low1;
    c2 = bit_xor(bit_xor(high0, c3), k1);
    c3 = low0;
    key.low += 0x9e3779b9u;
    key.high += 0xbb67ae85u;
  }
  return {{c0, c1, c2, c3}};
}

// A word is kept with probability 1 - rate: its upper 31 bits, as a number, reach the threshold.
inline int32_t dropout_threshold(double rate) {
  const double bound = rate * 2147483648.0;
  return bound >= 2147483647.0 ? INT32_MAX : static_cast<int32_t>(bound);
}
inline mask kept(vi word, int32_t threshold) {
  return less(set_int(threshold - 1), shift_right<1>(word));  // threshold 0: all above -1
}

}  // namespace ettin::ETTIN_LEVEL
