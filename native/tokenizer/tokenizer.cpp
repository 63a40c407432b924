#include "tokenizer.h"

#include "normal_form.h"

namespace ettin::tokenizer {

void Tokenizer::add_token(std::string_view content, AddedToken token, bool normalized) {
  if (!normalized)
    raw_.add(content, token);
  else
    normalized_.add(options_.normal_form ? compose(content) : std::string(content), token);
}

Tokenizer::Session::Session(Tokenizer& tokenizer) : tokenizer_(tokenizer), table_(character_table()) {
  {
    const std::lock_guard<std::mutex> hold(tokenizer_.lock_);
    if (!tokenizer_.caches_.empty()) {
      cache_ = std::move(tokenizer_.caches_.back());
      tokenizer_.caches_.pop_back();
    }
  }
  if (!cache_) cache_ = std::make_unique<WordCache>();
}

Tokenizer::Session::~Session() {
  const std::lock_guard<std::mutex> hold(tokenizer_.lock_);
  tokenizer_.caches_.push_back(std::move(cache_));
}

void Tokenizer::Session::encode(std::string_view text, std::vector<int32_t>& ids) {
  pieces_.clear();
  tokenizer_.raw_.split(text, pieces_);
  for (const Piece& piece : pieces_) {
    if (piece.id >= 0) {
      ids.push_back(piece.id);
    } else if (tokenizer_.options_.normal_form && !surely_composed(piece.text)) {
      encode_normalized(compose(piece.text), ids);
    } else {
      encode_normalized(piece.text, ids);
    }
  }
}

void Tokenizer::Session::encode_normalized(std::string_view text, std::vector<int32_t>& ids) {
  inner_.clear();
  tokenizer_.normalized_.split(text, inner_);
  for (const Piece& piece : inner_) {
    if (piece.id >= 0) {
      ids.push_back(piece.id);
    } else if (tokenizer_.options_.prefix_space && piece.text.front() != ' ') {
      std::string spaced(1, ' ');
      spaced.append(piece.text);
      encode_piece(spaced, ids);
    } else {
      encode_piece(piece.text, ids);
    }
  }
}

void Tokenizer::Session::encode_piece(std::string_view piece, std::vector<int32_t>& ids) {
  const char* at = piece.data();
  const char* end = at + piece.size();
  const Digits digits = tokenizer_.options_.digits;
  while (at < end) {
    const char* stop = digits == Digits::together ? end : digits_piece(at, end, table_, digits);
    encode_words(at, stop, ids);
    at = stop;
  }
}

void Tokenizer::Session::encode_words(const char* at, const char* end, std::vector<int32_t>& ids) {
  const auto words = [&](auto&& word_end) {
    while (at < end) {
      const char* stop = word_end(at);
      encode_word({at, static_cast<size_t>(stop - at)}, ids);
      at = stop;
    }
  };
  switch (tokenizer_.options_.pattern) {
    case Pattern::gpt2:
      return words([&](const char* start) { return gpt2_word(start, end, table_); });
    case Pattern::llama3:
      return words([&](const char* start) { return llama3_word(start, end, table_, 3); });
    case Pattern::qwen2:
      return words([&](const char* start) { return llama3_word(start, end, table_, 1); });
    case Pattern::whole:
      return words([&](const char*) { return end; });
  }
}

void Tokenizer::Session::encode_word(std::string_view word, std::vector<int32_t>& ids) {
  const bool cached = word.size() <= WordCache::longest;
  const uint64_t hash = cached ? hash_bytes(word) : 0;
  if (cached) {
    size_t count;
    if (const int32_t* found = cache_->find(word, hash, &count)) {
      for (size_t i = 0; i < count; i++) ids.push_back(found[i]);
      return;
    }
  }
  const size_t first = ids.size();
  const auto whole =
      tokenizer_.options_.whole_words ? tokenizer_.words_.find(std::string(word)) : tokenizer_.words_.end();
  if (whole != tokenizer_.words_.end())
    ids.push_back(whole->second);
  else
    tokenizer_.merges_.encode(word, ids);
  if (cached) cache_->put(word, hash, ids.data() + first, ids.size() - first);
}

}  // namespace ettin::tokenizer
