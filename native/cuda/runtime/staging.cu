#include "staging.h"

#include <cstring>

#include "../level.h"

namespace ettin {

Staging::~Staging() {
  for (const Piece& p : pieces_) {
    cudaEventSynchronize(p.done);
    cudaEventDestroy(p.done);
    cudaFreeHost(p.data);
  }
}

// A free piece: a new one while there are few and there is memory, else the one that was used longest ago, when its
// copy is done.
Staging::Piece& Staging::next() {
  if (pieces_.size() < most_pieces) {
    Piece p{};
    cudaError_t status = cudaHostAlloc(reinterpret_cast<void**>(&p.data), piece, cudaHostAllocDefault);
    if (status == cudaSuccess) {
      status = cudaEventCreateWithFlags(&p.done, cudaEventDisableTiming);
      if (status != cudaSuccess) cudaFreeHost(p.data);
    }
    if (status == cudaSuccess) {
      pieces_.push_back(p);
      return pieces_.back();
    }
    if (pieces_.empty()) cuda::check(status, "page-locked memory");
    cudaGetLastError();  // there are others
  }
  Piece& p = pieces_[turn_++ % pieces_.size()];
  cuda::check(cudaEventSynchronize(p.done), "upload");
  return p;
}

void Staging::upload(cudaStream_t stream, void* to, const void* from, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += piece) {
    const auto n = static_cast<size_t>(bytes - at < piece ? bytes - at : piece);
    Piece& p = next();
    std::memcpy(p.data, static_cast<const char*>(from) + at, n);
    cuda::check(cudaMemcpyAsync(static_cast<char*>(to) + at, p.data, n, cudaMemcpyHostToDevice, stream), "upload");
    cuda::check(cudaEventRecord(p.done, stream), "event");
  }
}

}  // namespace ettin
