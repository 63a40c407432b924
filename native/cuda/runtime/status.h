// What went wrong with a call of the CUDA runtime, in words: "what. way out."
#pragma once

#include <cuda_runtime.h>

#include <string>

namespace ettin {

// Whether the device has stopped: every later call in this process fails too, and what was on it is lost. The runtime
// tells it to whoever calls next, which says nothing about that call.
bool has_stopped(cudaError_t status);

std::string words_of(cudaError_t status, const char* what);

}  // namespace ettin
