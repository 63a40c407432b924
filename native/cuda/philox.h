// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): a function from a
// counter of four words and a key of two words to four random words. The bits are those of cpu/philox.h: a mask drawn
// here is the mask drawn there.
//
//   dropout     channel c draws word c % 4 of the counter (c / 4, position, the sequence's number, place of the site)
//   attention   key j draws word key_word(j) of the counter (key_counter(j), query, the sequence's number, place of
//               the site and the head); queries and keys count from their sequence's start
#pragma once

#include "level.h"

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
ETTIN_ANYWHERE inline uint32_t philox_place(int64_t site, int64_t head = 0) {
  return static_cast<uint32_t>(site) << 12 ^ static_cast<uint32_t>(head);
}

struct Draw {
  uint32_t word[4];
};

__device__ __forceinline__ Draw philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, PhiloxKey key) {
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const uint32_t high0 = __umulhi(0xd2511f53u, c0), low0 = 0xd2511f53u * c0;
    const uint32_t high1 = __umulhi(0xcd9e8d57u, c2), low1 = 0xcd9e8d57u * c2;
    c0 = high1 ^ c1 ^ key.low;
    c1 = low1;
    c2 = high0 ^ c3 ^ key.high;
    c3 = low0;
    key.low += 0x9e3779b9u;
    key.high += 0xbb67ae85u;
  }
  return {{c0, c1, c2, c3}};
}

// A word is kept with probability 1 - rate: its upper 31 bits, as a number, reach the threshold.
inline uint32_t dropout_threshold(double rate) {
  const double bound = rate * 2147483648.0;
  return bound >= 2147483647.0 ? 0x7fffffffu : static_cast<uint32_t>(bound);
}
__device__ __forceinline__ bool kept(uint32_t word, uint32_t threshold) { return (word >> 1) >= threshold; }

// What is kept is multiplied by it.
inline float keep_scale(double rate) { return rate < 1.0 ? static_cast<float>(1.0 / (1.0 - rate)) : 0.0f; }

// Of every 64 keys, key 64g + 16w + l draws word w of counter 16g + l: four keys a draw, all of them in one tile.
__device__ __forceinline__ uint32_t key_counter(int key) { return static_cast<uint32_t>(key / 64 * 16 + key % 16); }
__device__ __forceinline__ int key_word(int key) { return key / 16 % 4; }

}  // namespace ettin::ETTIN_LEVEL
