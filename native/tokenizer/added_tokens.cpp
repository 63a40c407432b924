#include "added_tokens.h"

#include <algorithm>

#include "unicode.h"

namespace ettin::tokenizer {

namespace {

bool is_space(uint32_t code) { return code < table_size && (character_table()[code] & kind_bits) == space; }

const char* skip_spaces_left(const char* at, const char* begin) {
  while (at > begin) {
    const char* previous = before(at, begin);
    if (!is_space(read_utf8(previous, at).code)) break;
    at = previous;
  }
  return at;
}

const char* skip_spaces_right(const char* at, const char* end) {
  while (at < end) {
    const auto [code, bytes] = read_utf8(at, end);
    if (!is_space(code)) break;
    at += bytes;
  }
  return at;
}

}  // namespace

int32_t AddedTokens::child(int32_t node, uint8_t byte) const {
  int32_t at = nodes_[static_cast<size_t>(node)].child;
  while (at >= 0 && nodes_[static_cast<size_t>(at)].byte != byte) at = nodes_[static_cast<size_t>(at)].sibling;
  return at;
}

void AddedTokens::add(std::string_view content, AddedToken token) {
  if (content.empty()) return;
  if (nodes_.empty()) nodes_.push_back(Node{0});
  starts_[static_cast<uint8_t>(content[0])] = true;
  int32_t node = 0;
  for (const char c : content) {
    const auto byte = static_cast<uint8_t>(c);
    int32_t next = child(node, byte);
    if (next < 0) {
      next = static_cast<int32_t>(nodes_.size());
      nodes_.push_back(Node{byte});
      nodes_.back().sibling = nodes_[static_cast<size_t>(node)].child;
      nodes_[static_cast<size_t>(node)].child = next;
    }
    node = next;
  }
  nodes_[static_cast<size_t>(node)].token = static_cast<int32_t>(tokens_.size());
  tokens_.push_back(token);
}

int32_t AddedTokens::match(const char* at, const char* end, const char** stop) const {
  int32_t best = -1;
  int32_t node = 0;
  while (at < end) {
    node = child(node, static_cast<uint8_t>(*at++));
    if (node < 0) break;
    if (nodes_[static_cast<size_t>(node)].token >= 0) {
      best = nodes_[static_cast<size_t>(node)].token;
      *stop = at;
    }
  }
  return best;
}

void AddedTokens::split(std::string_view text, std::vector<Piece>& pieces) const {
  const char* begin = text.data();
  const char* end = begin + text.size();
  const char* done = begin;  // before it all is in pieces
  for (const char* at = begin; at < end && !nodes_.empty();) {
    if (!starts_[static_cast<uint8_t>(*at)]) {
      at++;
      continue;
    }
    const char* stop = at;
    const int32_t index = match(at, end, &stop);
    if (index < 0) {
      at++;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<size_t>(index)];
    const char* start = token.takes_left ? std::max(skip_spaces_left(at, begin), done) : at;
    at = stop;
    if (token.takes_right) stop = skip_spaces_right(stop, end);
    if (done < start) pieces.push_back({-1, {done, static_cast<size_t>(start - done)}});
    pieces.push_back({token.id, {}});
    done = stop;
  }
  if (done < end) pieces.push_back({-1, {done, static_cast<size_t>(end - done)}});
}

}  // namespace ettin::tokenizer
