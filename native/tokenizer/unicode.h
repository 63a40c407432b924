// Characters: reading UTF-8, and what kind each is.
#pragma once

#include <cstdint>
#include <string>

namespace ettin::tokenizer {

enum Kind : uint8_t { other = 0, letter = 1, number = 2, space = 3 };

// One byte per character: its kind, and marks for rarer questions.
constexpr uint8_t kind_bits = 3;
constexpr uint8_t digit_bit = 4;     // the Digits pre-tokenizer splits here
constexpr uint8_t unstable_bit = 8;  // may change in normal form C, or change its neighbours

constexpr uint32_t table_size = 0x32400;  // beyond it all are `other`

const uint8_t* character_table();

struct Character {
  uint32_t code;
  int bytes;
};

// The character at `at`, before `end`. What is not UTF-8 reads as one byte.
inline Character read_utf8(const char* at, const char* end) {
  const auto byte = [&](int i) { return static_cast<uint32_t>(static_cast<unsigned char>(at[i])); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const int64_t left = end - at;
  if (lead < 0xE0 && left >= 2) return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (lead < 0xF0 && left >= 3) return {(lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  if (lead < 0xF8 && left >= 4) {
    return {(lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
  }
  return {0xFFFD, 1};
}

// Where the character before `at` starts.
inline const char* before(const char* at, const char* begin) {
  do at--;
  while (at > begin && (static_cast<unsigned char>(*at) & 0xC0) == 0x80);
  return at;
}

inline void append_utf8(std::string& text, uint32_t code) {
  const auto put = [&](uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F)), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  }
}

}  // namespace ettin::tokenizer
