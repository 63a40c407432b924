#include "downloads.h"

#include <cstring>

#include "../level.h"

namespace ettin {

Downloads::~Downloads() {
  {
    const std::lock_guard<std::mutex> hold(lock_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  for (const Piece& p : free_) {
    cudaEventDestroy(p.arrived);
    cudaFreeHost(p.data);
  }
}

Downloads::Piece Downloads::take() {
  std::unique_lock<std::mutex> hold(lock_);
  if (free_.empty() && made_ < most_pieces) {
    made_++;
    hold.unlock();
    Piece p;
    cuda::check(cudaHostAlloc(reinterpret_cast<void**>(&p.data), piece, cudaHostAllocDefault), "page-locked memory");
    cuda::check(cudaEventCreateWithFlags(&p.arrived, cudaEventDisableTiming), "event");
    return p;
  }
  freed_.wait(hold, [&] { return !free_.empty(); });
  const Piece p = free_.back();
  free_.pop_back();
  return p;
}

void Downloads::give(const Piece& p) {
  const std::lock_guard<std::mutex> hold(lock_);
  free_.push_back(p);
  freed_.notify_one();
}

void Downloads::start(cudaStream_t stream, void* to, const void* from, int64_t bytes, Done done, void* argument) {
  int64_t at = 0;
  do {
    const int64_t n = bytes - at < piece ? bytes - at : piece;
    const Piece p = take();
    const cudaError_t copied = n > 0 ? cudaMemcpyAsync(p.data, static_cast<const char*>(from) + at,
                                                       static_cast<size_t>(n), cudaMemcpyDeviceToHost, stream)
                                     : cudaSuccess;
    // A device that is lost refuses both; the thread meets the same refusal and reports it.
    if (copied == cudaSuccess) cudaEventRecord(p.arrived, stream);
    const bool last = at + n >= bytes;
    {
      const std::lock_guard<std::mutex> hold(lock_);
      queue_.push_back({p, static_cast<char*>(to) + at, n, last ? done : nullptr, argument});
    }
    wake_.notify_one();
    at += n;
  } while (at < bytes);
}

void Downloads::wait() {
  std::unique_lock<std::mutex> hold(lock_);
  freed_.wait(hold, [&] { return queue_.empty() && !busy_; });
}

void Downloads::loop() {
  cudaSetDevice(gpu_);
  for (;;) {
    Copy copy{};
    {
      std::unique_lock<std::mutex> hold(lock_);
      wake_.wait(hold, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      copy = queue_.front();
      queue_.pop_front();
      busy_ = true;
    }
    cudaError_t status = cudaEventSynchronize(copy.piece.arrived);
    if (status == cudaSuccess) status = cudaGetLastError();
    if (status == cudaSuccess && copy.bytes > 0) {
      std::memcpy(copy.to, copy.piece.data, static_cast<size_t>(copy.bytes));
    }
    give(copy.piece);
    if (copy.done) copy.done(copy.argument, status == cudaSuccess ? nullptr : cudaGetErrorString(status));
    const std::lock_guard<std::mutex> hold(lock_);
    busy_ = false;
    freed_.notify_all();
  }
}

}  // namespace ettin
