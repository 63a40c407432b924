#include "merges.h"

#include <algorithm>
#include <climits>
#include <queue>

namespace ettin::tokenizer {

namespace {

constexpr uint64_t free_slot = UINT64_MAX;
constexpr size_t short_word = 48;  // bytes; the quadratic way is the faster one up to here

uint64_t pair_of(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

uint64_t mix(uint64_t pair) {
  pair *= 0x9E3779B97F4A7C15;
  return pair ^ pair >> 32;
}

}  // namespace

Merges::Merges(const int32_t* byte_ids, const int32_t* left, const int32_t* right, const int32_t* merged,
               size_t count) {
  std::copy_n(byte_ids, 256, byte_ids_);
  size_t slots = 16;
  while (slots < 2 * count) slots *= 2;
  entries_.assign(slots, Entry{free_slot, 0, 0});
  mask_ = slots - 1;
  for (size_t i = 0; i < count; i++) {
    const uint64_t pair = pair_of(left[i], right[i]);
    uint64_t at = mix(pair) & mask_;
    while (entries_[at].pair != free_slot && entries_[at].pair != pair) at = (at + 1) & mask_;
    entries_[at] = {pair, static_cast<int32_t>(i), merged[i]};  // of a pair that comes twice, the last counts
  }
}

const Merges::Entry* Merges::find(int32_t left, int32_t right) const {
  const uint64_t pair = pair_of(left, right);
  for (uint64_t at = mix(pair) & mask_;; at = (at + 1) & mask_) {
    const Entry& entry = entries_[at];
    if (entry.pair == pair) return &entry;
    if (entry.pair == free_slot) return nullptr;
  }
}

void Merges::encode(std::string_view word, std::vector<int32_t>& ids) const {
  word.size() <= short_word ? encode_short(word, ids) : encode_long(word, ids);
}

void Merges::encode_short(std::string_view word, std::vector<int32_t>& ids) const {
  int32_t symbols[short_word];
  const Entry* pairs[short_word];  // of a symbol and the next
  int n = static_cast<int>(word.size());
  for (int i = 0; i < n; i++) symbols[i] = byte_ids_[static_cast<unsigned char>(word[static_cast<size_t>(i)])];
  for (int i = 0; i + 1 < n; i++) pairs[i] = find(symbols[i], symbols[i + 1]);

  while (n > 1) {
    int best = -1;
    int32_t rank = INT_MAX;
    for (int i = 0; i + 1 < n; i++) {
      if (pairs[i] && pairs[i]->rank < rank) best = i, rank = pairs[i]->rank;
    }
    if (best < 0) break;
    symbols[best] = pairs[best]->merged;
    n--;
    for (int i = best + 1; i < n; i++) symbols[i] = symbols[i + 1];
    for (int i = best; i + 1 < n; i++) pairs[i] = pairs[i + 1];
    if (best > 0) pairs[best - 1] = find(symbols[best - 1], symbols[best]);
    if (best + 1 < n) pairs[best] = find(symbols[best], symbols[best + 1]);
  }
  ids.insert(ids.end(), symbols, symbols + n);
}

// The same with a heap, so that a word of n bytes takes n log n steps: a text may be one word.
void Merges::encode_long(std::string_view word, std::vector<int32_t>& ids) const {
  struct Symbol {
    int32_t id;  // -1: merged into the one before
    int32_t previous;
    int32_t next;
  };
  struct Candidate {
    int32_t rank;
    int32_t at;
    int32_t left;
    int32_t right;
    int32_t merged;
    bool operator>(const Candidate& o) const { return rank != o.rank ? rank > o.rank : at > o.at; }
  };
  const auto n = static_cast<int32_t>(word.size());
  std::vector<Symbol> symbols(word.size());
  std::vector<Candidate> first;
  for (int32_t i = 0; i < n; i++) {
    const auto byte = static_cast<unsigned char>(word[static_cast<size_t>(i)]);
    symbols[static_cast<size_t>(i)] = {byte_ids_[byte], i - 1, i + 1 < n ? i + 1 : -1};
  }
  const auto symbol = [&](int32_t i) -> Symbol& { return symbols[static_cast<size_t>(i)]; };
  const auto candidate = [&](int32_t i, auto&& take) {
    if (i < 0 || symbol(i).next < 0) return;
    const int32_t left = symbol(i).id;
    const int32_t right = symbol(symbol(i).next).id;
    if (const Entry* entry = find(left, right)) take(Candidate{entry->rank, i, left, right, entry->merged});
  };
  for (int32_t i = 0; i + 1 < n; i++) candidate(i, [&](const Candidate& c) { first.push_back(c); });
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap(std::greater<>{}, std::move(first));

  while (!heap.empty()) {
    const Candidate best = heap.top();
    heap.pop();
    Symbol& left = symbol(best.at);
    if (left.id != best.left || left.next < 0 || symbol(left.next).id != best.right) continue;  // merged meanwhile
    Symbol& right = symbol(left.next);
    left.id = best.merged;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) symbol(left.next).previous = best.at;
    candidate(left.previous, [&](const Candidate& c) { heap.push(c); });
    candidate(best.at, [&](const Candidate& c) { heap.push(c); });
  }
  for (int32_t i = 0; i >= 0; i = symbol(i).next) ids.push_back(symbol(i).id);
}

}  // namespace ettin::tokenizer
