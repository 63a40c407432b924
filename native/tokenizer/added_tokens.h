// Added tokens: texts that are tokens wherever they stand, special ones among them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace ettin::tokenizer {

struct AddedToken {
  int32_t id;
  bool takes_left;   // the white space before it belongs to it
  bool takes_right;  // and that after it
};

// A piece of a text: an added token, or what stands between two (id -1).
struct Piece {
  int32_t id;
  std::string_view text;
};

// The longest of the tokens that start first, then the longest of those that start first after it.
class AddedTokens {
 public:
  void add(std::string_view content, AddedToken token);
  bool empty() const { return nodes_.empty(); }
  void split(std::string_view text, std::vector<Piece>& pieces) const;

 private:
  struct Node {
    uint8_t byte;
    int32_t token = -1;    // index
    int32_t child = -1;    // first child
    int32_t sibling = -1;  // next child of the parent
  };
  int32_t child(int32_t node, uint8_t byte) const;
  // Bytes and index of the longest token here; index -1: none.
  int32_t match(const char* at, const char* end, const char** stop) const;

  std::vector<Node> nodes_;
  std::vector<AddedToken> tokens_;
  bool starts_[256] = {};
};

}  // namespace ettin::tokenizer
