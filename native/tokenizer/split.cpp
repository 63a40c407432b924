#include "split.h"

namespace ettin::tokenizer {

namespace {

inline uint8_t bits_of(uint32_t code, const uint8_t* table) { return code < table_size ? table[code] : uint8_t{0}; }
inline int kind_of(uint32_t code, const uint8_t* table) { return bits_of(code, table) & kind_bits; }

struct Next {
  int kind;
  int bytes;
  uint32_t code;
};
inline Next next(const char* at, const char* end, const uint8_t* table) {
  const auto [code, bytes] = read_utf8(at, end);
  return {kind_of(code, table), bytes, code};
}

// Past all characters of one kind.
inline const char* run(const char* at, const char* end, const uint8_t* table, int kind) {
  while (at < end) {
    const Next n = next(at, end, table);
    if (n.kind != kind) break;
    at += n.bytes;
  }
  return at;
}

inline bool is_newline(char c) { return c == '\n' || c == '\r'; }

// \s+(?!\S) | \s+: white space, without its last character where something follows.
const char* spaces(const char* at, const char* end, const uint8_t* table) {
  const char* stop = run(at, end, table, space);
  if (stop == end) return stop;
  const char* last = before(stop, at);
  return last > at ? last : stop;
}

// 's 't 're 've 'm 'll 'd: bytes after the apostrophe, or 0. Without regard to case, s is also U+017F.
int contraction(const char* at, const char* end, bool any_case) {
  const auto lower = [&](const char* c) {
    return any_case && *c >= 'A' && *c <= 'Z' ? static_cast<char>(*c + 32) : *c;
  };
  if (end - at < 2) return 0;
  const char a = lower(at + 1);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 1;
  if (end - at < 3) return 0;
  const char b = lower(at + 2);
  if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 2;
  return any_case && at[1] == '\xC5' && at[2] == '\xBF' ? 2 : 0;
}

}  // namespace

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
const char* gpt2_word(const char* at, const char* end, const uint8_t* table) {
  if (*at == '\'') {
    if (const int bytes = contraction(at, end, false)) return at + 1 + bytes;
  }
  const char* start = *at == ' ' && at + 1 < end ? at + 1 : at;
  const Next first = next(start, end, table);
  if (first.kind == space) return spaces(at, end, table);
  return run(start + first.bytes, end, table, first.kind);
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
const char* llama3_word(const char* at, const char* end, const uint8_t* table, int digits) {
  if (*at == '\'') {
    if (const int bytes = contraction(at, end, true)) return at + 1 + bytes;
  }
  const Next first = next(at, end, table);
  const char* after = at + first.bytes;
  if (first.kind == letter) return run(after, end, table, letter);
  if (first.kind == number) {
    for (int i = 1; i < digits && after < end; i++) {
      const Next n = next(after, end, table);
      if (n.kind != number) break;
      after += n.bytes;
    }
    return after;
  }
  const Next second = after < end ? next(after, end, table) : Next{space, 0, 0};
  if (second.kind == letter && !is_newline(*at)) return run(after + second.bytes, end, table, letter);
  if (first.kind == other || (*at == ' ' && second.kind == other)) {
    const char* stop = run(after, end, table, other);
    while (stop < end && is_newline(*stop)) stop++;
    return stop;
  }
  const char* stop = run(at, end, table, space);
  for (const char* last = stop; last > at; last--) {
    if (is_newline(last[-1])) return last;
  }
  return spaces(at, end, table);
}

const char* digits_piece(const char* at, const char* end, const uint8_t* table, Digits digits) {
  if (digits == Digits::together) return end;
  const auto is_digit = [&](const char* c) { return (bits_of(read_utf8(c, end).code, table) & digit_bit) != 0; };
  const bool first = is_digit(at);
  at += read_utf8(at, end).bytes;
  if (first && digits == Digits::single) return at;
  while (at < end && is_digit(at) == first) at += read_utf8(at, end).bytes;
  return at;
}

}  // namespace ettin::tokenizer
