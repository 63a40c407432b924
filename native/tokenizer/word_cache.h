// Words and their ids, as they came: most words of a text have come before.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace ettin::tokenizer {

inline uint64_t hash_bytes(std::string_view bytes) {
  const auto mix = [](uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9E3779B97F4A7C15;
    return h ^ h >> 29;
  };
  uint64_t hash = bytes.size();
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t x;
    std::memcpy(&x, at, 8);
    hash = mix(hash, x);
  }
  uint64_t x = 0;
  if (left >= 4) {
    uint32_t low, high;
    std::memcpy(&low, at, 4);
    std::memcpy(&high, at + left - 4, 4);
    x = uint64_t{high} << 32 | low;
  } else if (left > 0) {
    const auto byte = [&](size_t i) { return uint64_t{static_cast<unsigned char>(at[i])}; };
    x = byte(0) | byte(left / 2) << 8 | byte(left - 1) << 16;
  }
  hash = mix(hash, x);
  return hash ^ hash >> 32;
}

class WordCache {
 public:
  static constexpr size_t longest = 64;  // bytes of a word that is kept

  WordCache() : slots_(slot_count) {}

  // The ids of a word, or null. `hash` is its hash_bytes.
  const int32_t* find(std::string_view word, uint64_t hash, size_t* count) const {
    for (size_t at = hash & (slot_count - 1);; at = (at + 1) & (slot_count - 1)) {
      const Slot& slot = slots_[at];
      if (slot.count == 0) return nullptr;
      if (slot.tag != static_cast<uint32_t>(hash >> 32) || slot.length != word.size()) continue;
      if (std::memcmp(bytes_.data() + slot.bytes, word.data(), word.size()) != 0) continue;
      *count = slot.count;
      return ids_.data() + slot.ids;
    }
  }

  void put(std::string_view word, uint64_t hash, const int32_t* ids, size_t count) {
    if (used_ == most_used) {  // forget all: the words that are frequent come back at once
      slots_.assign(slot_count, Slot{});
      bytes_.clear();
      ids_.clear();
      used_ = 0;
    }
    size_t at = hash & (slot_count - 1);
    while (slots_[at].count != 0) at = (at + 1) & (slot_count - 1);
    slots_[at] = {static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(bytes_.size()),
                  static_cast<uint32_t>(ids_.size()), static_cast<uint16_t>(word.size()), static_cast<uint16_t>(count)};
    bytes_.insert(bytes_.end(), word.begin(), word.end());
    ids_.insert(ids_.end(), ids, ids + count);
    used_++;
  }

 private:
  struct Slot {
    uint32_t tag;
    uint32_t bytes;
    uint32_t ids;
    uint16_t length;
    uint16_t count = 0;  // 0: free
  };
  static constexpr size_t slot_count = 1 << 16;
  static constexpr size_t most_used = slot_count / 2;  // at most 2 MB of words

  std::vector<Slot> slots_;
  std::vector<char> bytes_;
  std::vector<int32_t> ids_;
  size_t used_ = 0;
};

}  // namespace ettin::tokenizer
