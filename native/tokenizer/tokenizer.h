// Byte-level BPE, texts to ids: added tokens, normal form C, pre-tokenizer, merges, in the order and with the results
// of the Python tokenizers library. Special tokens around a text are not its business. Immutable but for caches: any
// number of threads may encode.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "added_tokens.h"
#include "merges.h"
#include "split.h"
#include "word_cache.h"

namespace ettin::tokenizer {

struct Options {
  bool normal_form = false;   // NFC
  bool prefix_space = false;  // a piece that does not start with a space gets one
  bool whole_words = false;   // a word of the vocabulary is its token, whatever the merges say
  Digits digits = Digits::together;
  Pattern pattern = Pattern::gpt2;
};

class Tokenizer {
 public:
  Tokenizer(Options options, Merges merges) : options_(options), merges_(std::move(merges)) {}

  // While it is being made.
  void add_token(std::string_view content, AddedToken token, bool normalized);
  void add_word(std::string_view bytes, int32_t id) { words_.emplace(bytes, id); }

  // What one thread encodes with: a cache of words, taken from the tokenizer and given back.
  class Session;

 private:
  Options options_;
  Merges merges_;
  AddedTokens raw_;         // looked for in the text as it is
  AddedTokens normalized_;  // looked for in its normal form
  std::unordered_map<std::string, int32_t> words_;

  std::mutex lock_;
  std::vector<std::unique_ptr<WordCache>> caches_;  // not in use
};

class Tokenizer::Session {
 public:
  explicit Session(Tokenizer& tokenizer);
  ~Session();
  Session(const Session&) = delete;

  // Appends the ids of a text (UTF-8).
  void encode(std::string_view text, std::vector<int32_t>& ids);

 private:
  void encode_normalized(std::string_view text, std::vector<int32_t>& ids);
  void encode_piece(std::string_view piece, std::vector<int32_t>& ids);
  void encode_words(const char* at, const char* end, std::vector<int32_t>& ids);
  void encode_word(std::string_view word, std::vector<int32_t>& ids);

  Tokenizer& tokenizer_;
  const uint8_t* table_;
  std::unique_ptr<WordCache> cache_;
  std::vector<Piece> pieces_;
  std::vector<Piece> inner_;
};

}  // namespace ettin::tokenizer
