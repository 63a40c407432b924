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

// A free piece: a new one while there are few, else the one that was used longest ago, when its copy is done.
Staging::Piece& Staging::next() {
  if (pieces_.size() < most_pieces) {
    Piece p{};
    cuda::check(cudaHostAlloc(reinterpret_cast<void**>(&p.data), piece, cudaHostAllocDefault), "page-locked memory");
    cuda::check(cudaEventCreateWithFlags(&p.done, cudaEventDisableTiming), "event");
    pieces_.push_back(p);
    return pieces_.back();
  }
  Piece& p = pieces_[turn_++ % most_pieces];
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
