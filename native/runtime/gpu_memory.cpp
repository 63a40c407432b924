#include "gpu_memory.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <stdexcept>
#include <string>

namespace ettin {

namespace {

constexpr int64_t granule = 256;  // what products of matrices like their operands to be aligned to
constexpr int64_t page = int64_t{2} << 20;
constexpr int64_t least_segment = int64_t{32} << 20, most_segment = int64_t{1} << 30;

int64_t rounded(int64_t bytes, int64_t to) { return (std::max<int64_t>(bytes, 1) + to - 1) / to * to; }

}  // namespace

bool exact_gpu_memory() {
  const char* text = std::getenv("ETTIN_GPU_MEMORY");
  const std::string word = text ? text : "";
  if (!word.empty() && word != "exact") {
    throw std::runtime_error("ETTIN_GPU_MEMORY is \"" + word + "\". Set it to \"exact\", or unset it.");
  }
  return word == "exact";
}

void GpuMemory::release() {
  const std::lock_guard<std::mutex> hold(lock_);
  for (const auto& [data, piece] : pieces_) {
    if (piece.first) to_driver_(data);
  }
  pieces_.clear();
  free_.clear();
  held_ = 0;
}

// A new segment, an eighth of what there is, so that there are never many; exactly what is asked for where memory is
// short. Its one piece is in no list yet.
GpuMemory::Pieces::iterator GpuMemory::grow(int64_t bytes) {
  const int64_t exact = rounded(bytes, page);
  const int64_t wanted = std::max(exact, rounded(std::clamp(held_ / 8, least_segment, most_segment), page));
  int64_t got = wanted;
  void* data = from_driver_(wanted);
  if (!data && wanted > exact) data = from_driver_(got = exact);
  if (!data) return pieces_.end();
  held_ += got;
  return pieces_.emplace(static_cast<char*>(data), Piece{got, true, true}).first;
}

void GpuMemory::add_free(Pieces::iterator at) {
  at->second.free = true;
  const auto next = std::next(at);
  if (next != pieces_.end() && next->second.free && !next->second.first) {
    free_.erase({next->second.bytes, next->first});
    at->second.bytes += next->second.bytes;
    pieces_.erase(next);
  }
  if (!at->second.first) {
    const auto before = std::prev(at);
    if (before->second.free) {
      free_.erase({before->second.bytes, before->first});
      before->second.bytes += at->second.bytes;
      pieces_.erase(at);
      at = before;
    }
  }
  free_.insert({at->second.bytes, at->first});
}

void* GpuMemory::take(int64_t bytes) {
  const std::lock_guard<std::mutex> hold(lock_);
  if (exact) {
    const int64_t used = std::max<int64_t>(bytes, 1);
    void* data = from_driver_(used);
    if (data) pieces_.emplace(static_cast<char*>(data), Piece{used, false, true});
    return data;
  }
  const int64_t size = rounded(bytes, granule);
  const auto found = free_.lower_bound({size, nullptr});  // the smallest that is large enough
  Pieces::iterator at;
  if (found != free_.end()) {
    at = pieces_.find(found->second);
    free_.erase(found);
  } else {
    at = grow(size);
    if (at == pieces_.end()) return nullptr;
  }
  const int64_t left = at->second.bytes - size;
  at->second.free = false;
  if (left > 0) {
    at->second.bytes = size;
    const auto rest = pieces_.emplace(at->first + size, Piece{left, true, false}).first;
    free_.insert({left, rest->first});
  }
  return at->first;
}

void GpuMemory::give(void* data, int64_t) {
  const std::lock_guard<std::mutex> hold(lock_);
  if (exact) {
    pieces_.erase(static_cast<char*>(data));
    return to_driver_(data);
  }
  add_free(pieces_.find(static_cast<char*>(data)));
}

void GpuMemory::trim() {
  const std::lock_guard<std::mutex> hold(lock_);
  for (auto at = pieces_.begin(); at != pieces_.end();) {
    const auto next = std::next(at);
    const bool whole = at->second.free && at->second.first && (next == pieces_.end() || next->second.first);
    if (whole) {
      free_.erase({at->second.bytes, at->first});
      held_ -= at->second.bytes;
      to_driver_(at->first);
      pieces_.erase(at);
    }
    at = next;
  }
}

}  // namespace ettin
