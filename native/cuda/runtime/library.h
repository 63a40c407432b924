// What the addon and the library of CUDA kernels say to each other. The library is opened at run time, where there is a
// GPU: the addon is built without CUDA and runs without it. Functions throw std::runtime_error, "what. way out.".
#pragma once

#include <stdint.h>

#include "../../kernels.h"
#include "../fault.h"

namespace ettin {

struct CudaGpu {
  char name[256];
  int major, minor, multiprocessors;
  int64_t memory, free;  // bytes
};

struct CudaVersions {
  int driver, runtime;      // 13000: CUDA 13.0
  int64_t cublaslt;         // 130000; 0 where it is not there
  char cublaslt_name[256];  // the file, or why not
};

// What the library asks of the addon.
struct CudaHost {
  void* executor;
  void* (*packed_copy)(void* executor, const View& weight, int kind, int64_t bytes, bool* filled);
  void* (*scratch)(void* executor, int64_t bytes);  // until the kernel's launches have returned; throws
  void* (*take)(void* executor, int64_t bytes);     // until the device is closed; null where there is not enough
};

// Called on a thread of the library when a download is there, or with why it will not be: "what. way out." `stopped`:
// nothing will come from this GPU any more.
using Downloaded = void (*)(void* argument, const char* error, bool stopped);

struct CudaLibrary {
  uint64_t contract;  // cuda_contract(): a library of another version is refused
  const Kernels* kernels;
  CudaVersions (*versions)();
  int (*count)();
  CudaGpu (*describe)(int gpu);

  Context* (*open)(int gpu, const CudaHost& host);  // one stream on one GPU
  void (*close)(Context*);
  void (*enter)(Context&);  // the calling thread is about to use it

  void* (*take)(Context&, int64_t bytes);  // null where there is not enough; throws where that is not why
  void (*give)(Context&, void* data);

  // In the stream's order. `from` may be changed when upload returns. Without bytes a download is a mark in the stream.
  void (*upload)(Context&, void* to, const void* from, int64_t bytes);
  void (*download)(Context&, void* to, const void* from, int64_t bytes, Downloaded done,
                   void* argument);  // never throws

  void (*begin_kernel)(Context&, int64_t launch);

  // Kernels between the two are kept and not run; null where the GPU did not do it, or not `kept`. launch_graph runs
  // them; their numbers, those of begin_kernel, count from `first`. drop_graph waits until it does not run.
  void (*begin_capture)(Context&);
  void* (*end_capture)(Context&, bool kept);
  void (*launch_graph)(Context&, void* graph, int64_t first);
  void (*drop_graph)(Context&, void* graph);

  const FaultTable* (*faults)(Context&);
  void (*clear_faults)(Context&);  // while nothing runs
  void (*finish)(Context&);        // waits for all that was given to it, downloads included
};

// A hash of the list of kernels and of the structures above.
constexpr uint64_t cuda_contract() {
#define ETTIN_TEXT(name, parameters) #name #parameters
  const char text[] = ETTIN_KERNELS(ETTIN_TEXT);
#undef ETTIN_TEXT
  uint64_t hash = 14695981039346656037u ^
                  (sizeof(View) + 256 * sizeof(CudaLibrary) + 65536 * sizeof(FaultTable) + 16777216 * sizeof(CudaHost));
  for (const char* c = text; *c; c++) hash = (hash ^ static_cast<unsigned char>(*c)) * 1099511628211u;
  return hash;
}

}  // namespace ettin

extern "C" const ettin::CudaLibrary* ettin_cuda_library();
