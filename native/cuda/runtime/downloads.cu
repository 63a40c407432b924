#include "downloads.h"

#include <cstring>
#include <string>

#include "status.h"

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

cudaError_t Downloads::make(Piece* p) {
  cudaError_t status = cudaHostAlloc(reinterpret_cast<void**>(&p->data), piece, cudaHostAllocDefault);
  if (status != cudaSuccess) return status;
  status = cudaEventCreateWithFlags(&p->arrived, cudaEventDisableTiming);
  if (status == cudaSuccess) return status;
  cudaFreeHost(p->data);
  p->data = nullptr;
  return status;
}

// A new piece while there are few; where there is no memory for one, whichever is free next.
cudaError_t Downloads::take(Piece* p) {
  std::unique_lock<std::mutex> hold(lock_);
  if (free_.empty() && made_ < most_pieces) {
    made_++;
    hold.unlock();
    const cudaError_t status = make(p);
    if (status == cudaSuccess) return status;
    hold.lock();
    made_--;
    if (made_ == 0) return status;
    cudaGetLastError();  // there are others
  }
  freed_.wait(hold, [&] { return !free_.empty(); });
  *p = free_.back();
  free_.pop_back();
  return cudaSuccess;
}

void Downloads::give(const Piece& p) {
  const std::lock_guard<std::mutex> hold(lock_);
  free_.push_back(p);
  freed_.notify_one();
}

void Downloads::push(const Copy& copy) {
  {
    const std::lock_guard<std::mutex> hold(lock_);
    queue_.push_back(copy);
  }
  wake_.notify_one();
}

void Downloads::start(cudaStream_t stream, void* to, const void* from, int64_t bytes, Downloaded done, void* argument) {
  int64_t at = 0;
  do {
    const int64_t n = bytes - at < piece ? bytes - at : piece;
    Piece p;
    cudaError_t status = take(&p);
    if (status == cudaSuccess && n > 0) {
      status = cudaMemcpyAsync(p.data, static_cast<const char*>(from) + at, static_cast<size_t>(n),
                               cudaMemcpyDeviceToHost, stream);
    }
    if (status == cudaSuccess) status = cudaEventRecord(p.arrived, stream);
    if (status != cudaSuccess) cudaGetLastError();  // told with the copy: the next launch must not tell it
    const bool last = at + n >= bytes || status != cudaSuccess;
    push({p, static_cast<char*>(to) + at, n, status, last ? done : nullptr, argument});
    if (last) return;
    at += n;
  } while (at < bytes);
}

void Downloads::wait() {
  std::unique_lock<std::mutex> hold(lock_);
  freed_.wait(hold, [&] { return queue_.empty() && !busy_; });
}

void Downloads::loop() {
  cudaSetDevice(gpu_);
  cudaError_t failed = cudaSuccess;  // of the download whose pieces are arriving
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
    const cudaError_t status = copy.refused == cudaSuccess ? cudaEventSynchronize(copy.piece.arrived) : copy.refused;
    if (status == cudaSuccess && copy.bytes > 0) {
      std::memcpy(copy.to, copy.piece.data, static_cast<size_t>(copy.bytes));
    }
    if (copy.piece.data) give(copy.piece);
    if (failed == cudaSuccess) failed = status;
    if (copy.done) {
      failed == cudaSuccess ? copy.done(copy.argument, nullptr, false)
                            : copy.done(copy.argument, words_of(failed, "download").c_str(), has_stopped(failed));
      failed = cudaSuccess;
    }
    const std::lock_guard<std::mutex> hold(lock_);
    busy_ = false;
    freed_.notify_all();
  }
}

}  // namespace ettin
