#include "status.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "../level.h"

namespace ettin {

namespace {

bool launches_block() {
  const char* text = std::getenv("CUDA_LAUNCH_BLOCKING");
  return text && *text && std::strcmp(text, "0") != 0;
}

}  // namespace

// Those of which the runtime's reference says that the process must be started again.
bool has_stopped(cudaError_t status) {
  switch (status) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

std::string words_of(cudaError_t status, const char* what) {
  const std::string text = cudaGetErrorString(status);
  if (status == cudaErrorMemoryAllocation)
    return std::string("CUDA: ") + what + ": " + text + ". Free memory of the machine and of the GPU.";
  if (!has_stopped(status)) {
    return std::string("CUDA: ") + what + ": " + text +
           ". Run ettin doctor, which says what the driver and the GPU are.";
  }
  return "the GPU has stopped: " + text +
         (launches_block() ? ", in the first kernel that says so" : ", in a kernel that was launched before this") +
         ". All tensors on it are lost: start the process again, with CUDA_LAUNCH_BLOCKING=1 to learn which kernel it "
         "is, or under compute-sanitizer.";
}

namespace cuda {

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // told here: the next launch must not tell it again
  throw std::runtime_error(words_of(status, what));
}

}  // namespace cuda

}  // namespace ettin
