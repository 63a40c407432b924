#include "allocator.h"

#include <cstdlib>

#ifdef _WIN32
#include <malloc.h>
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace ettin {

namespace {

constexpr int64_t huge_page = int64_t{2} << 20;
constexpr int64_t reuse_larger = int64_t{1} << 20;

void* take_aligned(int64_t bytes) {
  const bool large = bytes >= 2 * huge_page;
  const size_t alignment = large ? huge_page : 64;
  const size_t size = (static_cast<size_t>(bytes) + alignment - 1) / alignment * alignment;
#ifdef _WIN32
  return _aligned_malloc(size, 64);
#else
  void* data = std::aligned_alloc(alignment, size);
#ifdef MADV_HUGEPAGE
  if (large && data) madvise(data, size, MADV_HUGEPAGE);  // fewer page faults; refusal does no harm
#endif
  return data;
#endif
}

void give_aligned(void* data) {
#ifdef _WIN32
  _aligned_free(data);
#else
  std::free(data);
#endif
}

}  // namespace

int64_t size_class(int64_t bytes) {
  if (bytes <= 64) return 64;
  int64_t step = 64;
  while (step * 16 <= bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

Allocator::~Allocator() { trim(); }

bool Allocator::fits(int64_t bytes) const {
  return bytes <= limit_ - current_.load() - scratch.load() - packed.load();
}

Allocator::Buffer Allocator::take(int64_t bytes) {
  if (bytes > limit_) return {};  // also what size_class could not count to
  int64_t size = size_class(bytes);
  if (!fits(size)) return {};

  // Batches differ in length from step to step: a large request also takes a buffer up to a quarter larger.
  const int64_t largest = size >= reuse_larger ? size + size / 4 : size;
  auto found = free_.lower_bound(size);
  while (found != free_.end() && found->first <= largest && found->second.empty()) ++found;
  void* data;
  if (found != free_.end() && found->first <= largest && fits(found->first)) {
    size = found->first;
    data = found->second.back();
    found->second.pop_back();
  } else {
    if (reserved_ + size > limit_) return {};
    data = take_aligned(size);
    if (!data) return {};
    reserved_ += size;
  }
  const int64_t now = current_ += size;
  if (now > peak_) peak_ = now;
  return {data, size};
}

void Allocator::give(Buffer buffer) {
  free_[buffer.bytes].push_back(buffer.data);
  current_ -= buffer.bytes;
}

void Allocator::trim() {
  for (auto& [size, buffers] : free_) {
    for (void* data : buffers) give_aligned(data);
    reserved_ -= size * static_cast<int64_t>(buffers.size());
  }
  free_.clear();
}

void* Allocator::take_system(int64_t bytes) { return take_aligned(bytes); }
void Allocator::give_system(void* data, int64_t) { give_aligned(data); }

MemoryStats Allocator::stats() const {
  return {current_.load(), peak_, reserved_, scratch.load(), scratch_peak.load(), packed.load(), limit_};
}

int64_t default_memory_limit() {
  if (const char* text = std::getenv("ETTIN_MEMORY_LIMIT")) {
    char* end = nullptr;
    const double value = std::strtod(text, &end);
    double scale = 1;
    if (end && (*end == 'K' || *end == 'k')) scale = 1024.0;
    if (end && (*end == 'M' || *end == 'm')) scale = 1024.0 * 1024.0;
    if (end && (*end == 'G' || *end == 'g')) scale = 1024.0 * 1024.0 * 1024.0;
    if (value > 0) return static_cast<int64_t>(value * scale);
  }
#ifdef _WIN32
  MEMORYSTATUSEX status;
  status.dwLength = sizeof(status);
  GlobalMemoryStatusEx(&status);
  return static_cast<int64_t>(status.ullTotalPhys);
#else
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
#endif
}

}  // namespace ettin
