#include "unicode.h"

#include <memory>

#include "unicode_data.h"

namespace ettin::tokenizer {

namespace {

template <size_t size>
void mark_runs_as(uint8_t* table, const uint32_t (&runs)[size], uint8_t bits) {
  uint32_t at = 0;
  for (size_t i = 0; i + 1 < size; i += 2) {
    at += runs[i];
    for (uint32_t n = 0; n < runs[i + 1]; n++, at++) {
      if (at < table_size) table[at] |= bits;
    }
  }
}

// Characters that the quick check of normal form C stops at: marks, what is decomposed for good, and what may be
// joined to the character before it.
void mark_unstable(uint8_t* table) {
  mark_runs_as(table, mark_runs, unstable_bit);
  uint32_t at = 0;
  for (size_t i = 0; i < std::size(other_decompositions); i += 3) {
    at += other_decompositions[i];
    table[at] |= unstable_bit;
  }
  for (size_t i = 0; i < std::size(compositions); i += 3) table[compositions[i + 2]] |= unstable_bit;
  for (uint32_t jamo = 0x1161; jamo <= 0x1175; jamo++) table[jamo] |= unstable_bit;
  for (uint32_t jamo = 0x11A8; jamo <= 0x11C2; jamo++) table[jamo] |= unstable_bit;
}

const uint8_t* make_table() {
  auto* table = new uint8_t[table_size]();
  mark_runs_as(table, letter_runs, letter);
  mark_runs_as(table, number_runs, number);
  mark_runs_as(table, space_runs, space);
  mark_runs_as(table, digit_runs, digit_bit);
  mark_unstable(table);
  return table;
}

}  // namespace

const uint8_t* character_table() {
  static const uint8_t* table = make_table();  // as long as the process
  return table;
}

}  // namespace ettin::tokenizer
