// Page-locked host memory that uploads pass through: a copy from it needs no help from the processor, so the thread
// that queues kernels goes on at once.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <vector>

namespace ettin {

class Staging {
 public:
  ~Staging();
  // Copies bytes of the host to the device, in the stream's order; `from` may change when it returns.
  void upload(cudaStream_t stream, void* to, const void* from, int64_t bytes);

 private:
  static constexpr int64_t piece = int64_t{4} << 20;
  static constexpr size_t most_pieces = 16;
  struct Piece {
    char* data;
    cudaEvent_t done;
  };
  Piece& next();

  std::vector<Piece> pieces_;
  size_t turn_ = 0;
};

}  // namespace ettin
