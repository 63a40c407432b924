// The instructions of ../ptx.h, by their definition.
#pragma once

#include "fibers.h"

namespace ettin::ETTIN_LEVEL {

inline float half_of(uint32_t pair, int i) {
  return __builtin_bit_cast(float, i == 0 ? pair << 16 : pair & 0xffff0000u);
}

inline void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  struct Fragments {
    uint32_t a[4], b[2];
  } mine;
  for (int i = 0; i < 4; i++) mine.a[i] = a[i];
  for (int i = 0; i < 2; i++) mine.b[i] = b[i];
  emulation::publish(&mine, sizeof mine);
  const int g = emulation::lane() / 4, t = emulation::lane() % 4;
  for (int i = 0; i < 4; i++) {
    const int row = g + i / 2 * 8, column = 2 * t + i % 2;
    float sum = c[i];
    for (int k = 0; k < 16; k++) {
      const auto& of_a = *static_cast<const Fragments*>(emulation::published(row % 8 * 4 + k % 8 / 2));
      const auto& of_b = *static_cast<const Fragments*>(emulation::published(column * 4 + k % 8 / 2));
      sum += half_of(of_a.a[row / 8 + k / 8 * 2], k % 2) * half_of(of_b.b[k / 8], k % 2);
    }
    c[i] = sum;
  }
}

inline void load_tiles_as(uint32_t (&r)[4], const void* row, bool transposed) {
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0) throw std::runtime_error("[emulation] load_tiles: row not aligned");
  emulation::publish(&row, sizeof row);
  const int l = emulation::lane();
  const auto at = [&](int tile, int i, int j) {
    const void* const begin = *static_cast<const void* const*>(emulation::published(tile * 8 + i));
    uint16_t element;
    std::memcpy(&element, static_cast<const char*>(begin) + 2 * j, 2);
    return uint32_t{element};
  };
  for (int tile = 0; tile < 4; tile++) {
    const int near = l / 4, far = 2 * (l % 4);
    r[tile] = transposed ? at(tile, far, near) | at(tile, far + 1, near) << 16
                         : at(tile, near, far) | at(tile, near, far + 1) << 16;
  }
  emulation::wait_for_warp();  // nobody writes the rows before all have read them
}
inline void load_tiles(uint32_t (&r)[4], const void* row) { load_tiles_as(r, row, false); }
inline void load_tiles_transposed(uint32_t (&r)[4], const void* row) { load_tiles_as(r, row, true); }

// Copies happen when they are waited for: a missing wait reads what was there before.
inline void copy_bytes_async(void* to, const void* from, bool valid, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(to) % bytes != 0 || (valid && reinterpret_cast<uintptr_t>(from) % bytes != 0)) {
    throw std::runtime_error("[emulation] copy_async: an address is not a multiple of " + std::to_string(bytes));
  }
  emulation::thread->copies.back().push_back({to, from, valid, bytes});
}
inline void copy_async(void* to, const void* from, bool valid) { copy_bytes_async(to, from, valid, 16); }
inline void copy_word_async(void* to, const void* from, bool valid) { copy_bytes_async(to, from, valid, 4); }
inline void copy_commit() { emulation::thread->copies.emplace_back(); }
template <int pending>
void copy_wait() {
  auto& groups = emulation::thread->copies;  // the last one is not committed
  while (groups.size() > pending + 1) {
    for (const emulation::Copy& copy : groups.front()) {
      copy.valid ? std::memcpy(copy.to, copy.from, copy.bytes) : std::memset(copy.to, 0, copy.bytes);
    }
    groups.erase(groups.begin());
  }
}

}  // namespace ettin::ETTIN_LEVEL
