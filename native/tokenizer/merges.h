// Byte-pair encoding of one word: its bytes are tokens, and the two neighbours that were learned to merge first are
// merged, again and again.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace ettin::tokenizer {

class Merges {
 public:
  // `byte_ids`: the token of each of the 256 bytes. Merge i, of rank i, makes `merged[i]` of `left[i]` and `right[i]`.
  Merges(const int32_t* byte_ids, const int32_t* left, const int32_t* right, const int32_t* merged, size_t count);

  // Appends the ids of a word.
  void encode(std::string_view word, std::vector<int32_t>& ids) const;

 private:
  struct Entry {
    uint64_t pair;
    int32_t rank;
    int32_t merged;
  };
  const Entry* find(int32_t left, int32_t right) const;
  void encode_short(std::string_view word, std::vector<int32_t>& ids) const;
  void encode_long(std::string_view word, std::vector<int32_t>& ids) const;

  int32_t byte_ids_[256];
  std::vector<Entry> entries_;  // a hash table
  uint64_t mask_ = 0;
};

}  // namespace ettin::tokenizer
