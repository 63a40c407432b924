// Device memory: each buffer ends at a page that nobody may touch, and begins behind another. Fresh memory is NaN, and
// so is the margin that is left on the buffer's own pages, with other bits: what is written there is seen.
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

#include "runtime.h"

namespace ettin::emulation {

namespace {

constexpr size_t page = 4096;
constexpr size_t piece = 16;  // what the widest access is aligned to, and so where a buffer may begin
constexpr uint16_t margin = 0xffd5;

struct Buffer {
  char* pages;  // between the two that nobody may touch
  size_t mapped, bytes;
};

std::mutex lock;
std::map<char*, Buffer> buffers;

void fill_margin(char* from, const char* to) {
  for (; from < to; from++)
    *from = static_cast<char>(reinterpret_cast<uintptr_t>(from) % 2 ? margin >> 8 : margin & 0xff);
}

// The first byte of a margin that has changed; null where all is well.
const char* changed(const char* from, const char* to) {
  for (; from < to; from++) {
    if (*from != static_cast<char>(reinterpret_cast<uintptr_t>(from) % 2 ? margin >> 8 : margin & 0xff)) return from;
  }
  return nullptr;
}

// What is wrong around a buffer; empty where nothing is.
std::string harm(const char* data, const Buffer& b) {
  const char* at = changed(b.pages, data);
  if (!at) at = changed(data + b.bytes, b.pages + b.mapped);
  if (!at) return "";
  return "[emulation] byte " + std::to_string(at - data) + " of a buffer of " + std::to_string(b.bytes) +
         " was written";
}

bool exact() {
  static const char* text = std::getenv("ETTIN_GPU_MEMORY");
  return text && std::strcmp(text, "exact") == 0;
}

}  // namespace

void check_margins() {
  if (!exact()) return;
  const std::lock_guard<std::mutex> hold(lock);
  for (const auto& [data, buffer] : buffers) {
    const std::string text = harm(data, buffer);
    if (text.empty()) continue;
    fill_margin(buffer.pages, data);  // told once
    fill_margin(data + buffer.bytes, buffer.pages + buffer.mapped);
    throw std::runtime_error(text);
  }
}

}  // namespace ettin::emulation

using namespace ettin::emulation;

cudaError_t cudaMalloc(void** p, size_t bytes) {
  if (is_to_fail("memory")) return answer(cudaErrorMemoryAllocation);
  if (is_to_fail("malloc")) return answer(cudaErrorInvalidValue);
  if (const cudaError_t status = outside_capture()) return status;
  const size_t used = (bytes + piece - 1) / piece * piece, mapped = (used + page - 1) / page * page;
  void* whole = mmap(nullptr, mapped + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (whole == MAP_FAILED) return answer(cudaErrorMemoryAllocation);
  char* pages = static_cast<char*>(whole) + page;
  if (mprotect(pages, mapped, PROT_READ | PROT_WRITE) != 0) {
    munmap(whole, mapped + 2 * page);
    return answer(cudaErrorMemoryAllocation);
  }
  char* data = pages + mapped - used;
  std::memset(data, 0xff, bytes);  // NaN, -1
  fill_margin(pages, data);
  fill_margin(data + bytes, pages + mapped);
  *p = data;
  const std::lock_guard<std::mutex> hold(lock);
  buffers[data] = {pages, mapped, bytes};
  return cudaSuccess;
}

cudaError_t cudaFree(void* p) {
  if (!p) return answer(cudaSuccess);
  std::unique_lock<std::mutex> hold(lock);
  const auto found = buffers.find(static_cast<char*>(p));
  if (found == buffers.end()) return answer(cudaErrorInvalidValue);
  const Buffer buffer = found->second;
  const std::string text = harm(found->first, buffer);
  buffers.erase(found);
  hold.unlock();
  if (!text.empty()) {
    std::fprintf(stderr, "%s\n", text.c_str());
    std::abort();
  }
  munmap(buffer.pages - page, buffer.mapped + 2 * page);
  return answer(cudaSuccess);
}
