#include "cublaslt.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace ettin {

namespace {

struct Opened {
  Cublaslt functions{};
  std::string name, error;  // one of them
};

std::vector<std::string> candidates() {
  std::vector<std::string> names;
  if (const char* chosen = std::getenv("ETTIN_CUBLASLT")) return {chosen};
  for (const char* file : {"libcublasLt.so.13", "libcublasLt.so.12"}) {
    names.emplace_back(file);
    for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
      if (const char* home = std::getenv(variable)) names.push_back(std::string(home) + "/lib64/" + file);
    }
    names.push_back(std::string("/usr/local/cuda/lib64/") + file);
  }
  return names;
}

Opened open_library() {
  Opened opened;
  std::string tried;
  for (const std::string& name : candidates()) {
    void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      tried += (tried.empty() ? "" : ", ") + name;
      continue;
    }
    std::string missing;
#define ETTIN_FIND(result, function, parameters)                                                   \
  opened.functions.function =                                                                      \
      reinterpret_cast<decltype(opened.functions.function)>(dlsym(library, "cublasLt" #function)); \
  if (!opened.functions.function) missing = "cublasLt" #function;
    ETTIN_CUBLASLT(ETTIN_FIND)
#undef ETTIN_FIND
    if (missing.empty()) {
      opened.name = name;
      return opened;
    }
    tried += (tried.empty() ? "" : ", ") + name + " (without " + missing + ")";
  }
  opened.error = "matrix products on the GPU need cuBLASLt, which is not found; tried " + tried +
                 ". Install it (CUDA toolkit 12 or 13, or the package libcublas), or set ETTIN_CUBLASLT to its file.";
  return opened;
}

const Opened& library() {
  static const Opened opened = open_library();
  return opened;
}

}  // namespace

const Cublaslt& cublaslt() {
  const Opened& opened = library();
  if (!opened.error.empty()) throw std::runtime_error(opened.error);
  return opened.functions;
}

void cublaslt_version(int64_t* version, char* name, size_t capacity) {
  const Opened& opened = library();
  *version = opened.error.empty() ? static_cast<int64_t>(opened.functions.GetVersion()) : 0;
  std::snprintf(name, capacity, "%s", opened.error.empty() ? opened.name.c_str() : opened.error.c_str());
}

}  // namespace ettin
