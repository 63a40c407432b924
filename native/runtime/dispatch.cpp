#include "dispatch.h"

#include <cstdlib>
#include <stdexcept>

// ETTIN_BASELINE_ONLY: native/test builds the runtime with one level, to be quick.
#if (defined(__x86_64__) || defined(_M_X64)) && !defined(ETTIN_BASELINE_ONLY)
#define ETTIN_X86 1
#include <cpuid.h>
#endif

namespace ettin {

#define ETTIN_LEVEL_TABLE(level) \
  namespace level {              \
  extern const Kernels kernels;  \
  }
ETTIN_LEVEL_TABLE(baseline)
#ifdef ETTIN_X86
ETTIN_LEVEL_TABLE(avx2)
#ifndef ETTIN_WITHOUT_AVX512
ETTIN_LEVEL_TABLE(avx512)
ETTIN_LEVEL_TABLE(avx512_bf16)
#endif
#endif
#ifdef ETTIN_EMULATED_LANES
ETTIN_LEVEL_TABLE(emulated)
#endif
#ifdef ETTIN_EMULATED_AVX512
ETTIN_LEVEL_TABLE(emulated_avx512)
ETTIN_LEVEL_TABLE(emulated_avx512_bf16)
#endif

namespace {

#ifdef ETTIN_X86
struct Features {
  bool avx2 = false;
  bool avx512 = false;
  bool avx512_bf16 = false;
};

// What the processor has (CPUID) and the system saves on a context switch (XGETBV).
Features read_features() {
  Features f;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return f;
  const bool fma = c & (1u << 12);
  const bool f16c = c & (1u << 29);
  if (!(c & (1u << 27)) || !(c & (1u << 28))) return f;  // OSXSAVE, AVX
  unsigned saved, high;
  __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  const bool ymm = (saved & 0x6) == 0x6;
  const bool zmm = (saved & 0xe6) == 0xe6;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return f;
  f.avx2 = ymm && fma && f16c && (b & (1u << 5));
  const unsigned wanted = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);  // F, DQ, BW, VL
  f.avx512 = f.avx2 && zmm && (b & wanted) == wanted;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) f.avx512_bf16 = f.avx512 && (a & (1u << 5));
  return f;
}

const Features& features() {
  static const Features f = read_features();
  return f;
}
#endif

}  // namespace

const std::vector<Level>& levels() {
  static const std::vector<Level> all = {
      {"baseline", &baseline::kernels, [] { return true; }},
#ifdef ETTIN_EMULATED_LANES
      {"emulated", &emulated::kernels, [] { return true; }},
#endif
#ifdef ETTIN_EMULATED_AVX512
      {"emulated_avx512", &emulated_avx512::kernels, [] { return features().avx2; }},
      {"emulated_avx512_bf16", &emulated_avx512_bf16::kernels, [] { return features().avx2; }},
#endif
#ifdef ETTIN_X86
      {"avx2", &avx2::kernels, [] { return features().avx2; }},
#ifndef ETTIN_WITHOUT_AVX512
      {"avx512", &avx512::kernels, [] { return features().avx512; }},
      {"avx512_bf16", &avx512_bf16::kernels, [] { return features().avx512_bf16; }},
#endif
#endif
  };
  return all;
}

const Level& choose_level(const std::string& name) {
  const char* environment = std::getenv("ETTIN_CPU_LEVEL");
  const std::string wanted = !name.empty() ? name : environment ? environment : "";
  const Level* best = nullptr;
  std::string have;
  for (const Level& level : levels()) {
    if (!level.supported()) continue;
    have += (have.empty() ? "" : ", ") + std::string(level.name);
    if (wanted == level.name) return level;
    best = &level;
  }
  if (wanted.empty()) return *best;
  std::string built;
  for (const Level& level : levels()) built += (built.empty() ? "" : ", ") + std::string(level.name);
  throw std::runtime_error("instruction-set level \"" + wanted + "\" was asked for, but this machine runs " + have +
                           " (built: " + built + "). Choose one of those, or unset ETTIN_CPU_LEVEL for the best.");
}

}  // namespace ettin
