// Pre-tokenizers: where a text is cut before merging, so that no token crosses a word's end. Each walks the text once
// and does what its regular expression says; split.cpp has the expressions.
#pragma once

#include <cstdint>

#include "unicode.h"

namespace ettin::tokenizer {

enum class Pattern { whole = 0, gpt2 = 1, llama3 = 2, qwen2 = 3 };
enum class Digits { together = 0, runs = 1, single = 2 };

// The end of the word that starts at `at` (before `end`).
const char* gpt2_word(const char* at, const char* end, const uint8_t* table);
const char* llama3_word(const char* at, const char* end, const uint8_t* table, int digits);

// The end of the piece that starts at `at`, as the Digits pre-tokenizer cuts.
const char* digits_piece(const char* at, const char* end, const uint8_t* table, Digits digits);

}  // namespace ettin::tokenizer
