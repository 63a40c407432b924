#include "allocator.h"

#include <algorithm>
#include <cstdlib>

#include "variables.h"

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
constexpr int64_t reuse_larger = int64_t{1} << 12;

// What may be held from the system: the peak, and room for the sizes of other batches. Most of a large peak is weights
// and their optimizer's state, which stay: the room grows slowly beyond the first few hundred megabytes.
int64_t most_reserved(int64_t peak) {
  const int64_t quarter = peak / 4, less = peak / 32 + (int64_t{64} << 20);
  return peak + (quarter < less ? quarter : less) + (int64_t{4} << 20);
}

#if defined(_WIN32)

void* take_aligned(int64_t bytes) { return _aligned_malloc(static_cast<size_t>(bytes), 64); }
void give_aligned(void* data, int64_t) { _aligned_free(data); }

#elif defined(__SANITIZE_ADDRESS__)

void* take_aligned(int64_t bytes) { return std::aligned_alloc(64, (static_cast<size_t>(bytes) + 63) / 64 * 64); }
void give_aligned(void* data, int64_t) { std::free(data); }

#else

// Large blocks are pages of their own: what goes back goes back to the system, not into a heap that stays as it is.
constexpr int64_t paged = int64_t{1} << 16;

size_t rounded(int64_t bytes) {
  const int64_t step = bytes >= paged ? 4096 : 64;
  return static_cast<size_t>((bytes + step - 1) / step * step);
}

void* take_aligned(int64_t bytes) {
  const size_t size = rounded(bytes);
  if (bytes < paged) return std::aligned_alloc(64, size);
  // A huge page begins at a multiple of its size: ask for one more and give back what is before and behind.
  const size_t extra = bytes >= 2 * huge_page ? huge_page : 0;
  void* whole = mmap(nullptr, size + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (whole == MAP_FAILED) return nullptr;
  if (!extra) return whole;
  char* begin = static_cast<char*>(whole);
  const size_t before = (extra - reinterpret_cast<uintptr_t>(begin) % extra) % extra;
  if (before) munmap(begin, before);
  if (extra - before) munmap(begin + before + size, extra - before);
#ifdef MADV_HUGEPAGE
  // Fewer page faults; refusal does no harm. The end keeps small pages: what is not used of it is not there.
  madvise(begin + before, size / huge_page * huge_page, MADV_HUGEPAGE);
#endif
  return begin + before;
}

void give_aligned(void* data, int64_t bytes) { bytes < paged ? std::free(data) : void(munmap(data, rounded(bytes))); }

#endif

class SystemMemory final : public MemorySource {
 public:
  void* take(int64_t bytes) override { return take_aligned(bytes); }
  void give(void* data, int64_t bytes) override { give_aligned(data, bytes); }
};

}  // namespace

MemorySource& system_memory() {
  static SystemMemory memory;
  return memory;
}

int64_t size_class(int64_t bytes) {
  if (bytes <= 64) return 64;
  int64_t step = 64;
  while (step * 16 <= bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

Allocator::~Allocator() { trim(); }

bool Allocator::fits(int64_t bytes) const { return bytes <= limit_ - current_.load() - scratch.load() - packed.load(); }

Allocator::Buffer Allocator::take(int64_t bytes, std::vector<Buffer>* surplus) {
  if (bytes > limit_) return {};  // also what size_class could not count to
  int64_t size = exact ? std::max<int64_t>(bytes, 1) : size_class(bytes);
  if (!fits(size)) return {};

  // Batches differ in length from step to step: a large request also takes a buffer up to a quarter larger.
  const int64_t largest = size >= reuse_larger ? size + size / 4 : size;
  auto found = free_.lower_bound(size);
  while (found != free_.end() && found->first <= largest && found->second.empty()) ++found;
  void* data;
  if (found != free_.end() && found->first <= largest && fits(found->first)) {
    size = found->first;
    data = found->second.back().data;  // the one last used: it may be in a cache
    found->second.pop_back();
  } else {
    if (reserved_ + size > limit_) return {};
    evict(size, surplus);
    data = source_.take(size);
    if (!data) return {};
    reserved_ += size;
  }
  const int64_t now = current_ += size;
  if (now > peak_) peak_ = now;
  return {data, size};
}

void Allocator::give(Buffer buffer) {
  free_[buffer.bytes].push_back({buffer.data, given_++});
  current_ -= buffer.bytes;
}

void Allocator::drop(Buffer buffer) {
  reserved_ -= buffer.bytes;
  current_ -= buffer.bytes;
}

// Batches of many lengths leave buffers of many sizes: those that nobody has asked for in the longest time go, so that
// what is held stays near the peak. Counted at once, as the program runs; freed when the stream gets there.
void Allocator::evict(int64_t size, std::vector<Buffer>* surplus) {
  const int64_t peak = current_.load() + size > peak_ ? current_.load() + size : peak_;
  while (reserved_ + size > most_reserved(peak)) {
    auto oldest = free_.end();
    for (auto entry = free_.begin(); entry != free_.end(); ++entry) {
      if (entry->second.empty()) continue;
      if (oldest == free_.end() || entry->second.front().since < oldest->second.front().since) oldest = entry;
    }
    if (oldest == free_.end()) return;
    surplus->push_back({oldest->second.front().data, oldest->first});
    reserved_ -= oldest->first;
    oldest->second.erase(oldest->second.begin());
    if (oldest->second.empty()) free_.erase(oldest);
  }
}

void Allocator::trim() {
  for (auto& [size, buffers] : free_) {
    for (const Unused& buffer : buffers) source_.give(buffer.data, size);
    reserved_ -= size * static_cast<int64_t>(buffers.size());
  }
  free_.clear();
  source_.trim();
}

void* Allocator::take_system(int64_t bytes) { return source_.take(bytes); }
void Allocator::give_system(void* data, int64_t bytes) { source_.give(data, bytes); }

MemoryStats Allocator::stats() const {
  return {current_.load(), peak_, reserved_, scratch.load(), scratch_peak.load(), packed.load(), limit_};
}

int64_t memory_limit(int64_t memory) {
  const int64_t asked = memory_limit_variable();
  return asked > 0 ? asked : memory;
}

int64_t system_memory_bytes() {
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
