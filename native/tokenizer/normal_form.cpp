#include "normal_form.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "unicode.h"
#include "unicode_data.h"

namespace ettin::tokenizer {

namespace {

struct Parts {
  uint32_t first;
  uint32_t second;  // 0: none
};

struct Tables {
  std::unordered_map<uint32_t, uint8_t> classes;  // of combining marks
  std::unordered_map<uint32_t, Parts> parts;
  std::unordered_map<uint64_t, uint32_t> joined;

  Tables() {
    uint32_t at = 0;
    for (size_t run = 0; run < std::size(mark_classes); run++) {
      at += mark_runs[2 * run];
      for (uint32_t n = 0; n < mark_runs[2 * run + 1]; n++) classes[at++] = static_cast<uint8_t>(mark_classes[run]);
    }
    at = 0;
    for (size_t i = 0; i < std::size(compositions); i += 3) {
      at += compositions[i];
      parts[at] = {compositions[i + 1], compositions[i + 2]};
      joined[key(compositions[i + 1], compositions[i + 2])] = at;
    }
    at = 0;
    for (size_t i = 0; i < std::size(other_decompositions); i += 3) {
      at += other_decompositions[i];
      parts[at] = {other_decompositions[i + 1], other_decompositions[i + 2]};
    }
  }
  static uint64_t key(uint32_t first, uint32_t second) { return uint64_t{first} << 32 | second; }
  uint8_t class_of(uint32_t code) const {
    const auto found = classes.find(code);
    return found == classes.end() ? 0 : found->second;
  }
};

const Tables& tables() {
  static const Tables* all = new Tables;
  return *all;
}

// Hangul syllables are composed by arithmetic.
constexpr uint32_t syllables = 0xAC00, leads = 0x1100, vowels = 0x1161, tails = 0x11A7;
constexpr uint32_t vowel_count = 21, tail_count = 28, lead_count = 19;
constexpr uint32_t syllable_count = lead_count * vowel_count * tail_count;

struct Mark {
  uint32_t code;
  uint8_t combining_class;
};

void decompose(uint32_t code, std::vector<Mark>& out) {
  if (code - syllables < syllable_count) {
    const uint32_t index = code - syllables;
    out.push_back({leads + index / (vowel_count * tail_count), 0});
    out.push_back({vowels + index % (vowel_count * tail_count) / tail_count, 0});
    if (index % tail_count) out.push_back({tails + index % tail_count, 0});
    return;
  }
  const auto found = tables().parts.find(code);
  if (found == tables().parts.end()) {
    out.push_back({code, tables().class_of(code)});
    return;
  }
  decompose(found->second.first, out);
  if (found->second.second) decompose(found->second.second, out);
}

// 0 when the two do not join.
uint32_t join(uint32_t first, uint32_t second) {
  if (first - leads < lead_count && second - vowels < vowel_count) {
    return syllables + ((first - leads) * vowel_count + (second - vowels)) * tail_count;
  }
  if (first - syllables < syllable_count && (first - syllables) % tail_count == 0 &&
      second - tails - 1 < tail_count - 1) {
    return first + (second - tails);
  }
  const auto found = tables().joined.find(Tables::key(first, second));
  return found == tables().joined.end() ? 0 : found->second;
}

void sort_marks(std::vector<Mark>& marks) {
  for (size_t start = 0; start < marks.size();) {
    size_t end = start;
    while (end < marks.size() && marks[end].combining_class != 0) end++;
    std::stable_sort(marks.begin() + static_cast<int64_t>(start), marks.begin() + static_cast<int64_t>(end),
                     [](const Mark& a, const Mark& b) { return a.combining_class < b.combining_class; });
    start = end + 1;
  }
}

// Joins every character with the starter before it, unless something of its own class or higher stands between.
void join_marks(std::vector<Mark>& marks) {
  size_t written = 0;
  size_t starter = SIZE_MAX;
  for (const Mark mark : marks) {
    if (starter != SIZE_MAX) {
      const bool adjacent = written == starter + 1;
      const uint8_t last = adjacent ? 0 : marks[written - 1].combining_class;
      const bool blocked = !adjacent && (last == 0 || last >= mark.combining_class);
      const uint32_t joined = blocked ? 0 : join(marks[starter].code, mark.code);
      if (joined) {
        marks[starter].code = joined;
        continue;
      }
    }
    if (mark.combining_class == 0) starter = written;
    marks[written++] = mark;
  }
  marks.resize(written);
}

}  // namespace

bool surely_composed(std::string_view text) {
  const uint8_t* table = character_table();
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    if (static_cast<unsigned char>(*at) < 0xCC) {  // below U+0300 nothing changes
      at++;
      continue;
    }
    const auto [code, bytes] = read_utf8(at, end);
    if (code < table_size && table[code] & unstable_bit) return false;
    at += bytes;
  }
  return true;
}

std::string compose(std::string_view text) {
  std::vector<Mark> marks;
  marks.reserve(text.size());
  for (const char *at = text.data(), *end = at + text.size(); at < end;) {
    const auto [code, bytes] = read_utf8(at, end);
    decompose(code, marks);
    at += bytes;
  }
  sort_marks(marks);
  join_marks(marks);
  std::string composed;
  composed.reserve(text.size());
  for (const Mark& mark : marks) append_utf8(composed, mark.code);
  return composed;
}

}  // namespace ettin::tokenizer
