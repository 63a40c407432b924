// One stream's GPU, on the addon's side: the library of CUDA kernels, the memory, and what happens when a kernel finds
// its data wrong after the call that queued it has returned.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "../cuda/runtime/library.h"
#include "dispatch.h"
#include "gpu_memory.h"
#include "storage.h"

namespace ettin {

class Stream;
class Task;

// Opens the library once per path; it stays open. Throws std::runtime_error, "what. way out.".
const CudaLibrary& open_cuda_library(const std::string& path);

// What a replay of the tasks that have run since the last mark knows so far. Tasks are asked in order.
class Replay {
 public:
  explicit Replay(const FaultTable& table);
  // The fault that task number `sequence` raised: its text; empty if it raised none.
  std::string fault_of(int64_t sequence) const;
  Failure failure_of(Storage* storage) const;  // of what the GPU computed
  void set(Storage* storage, const Failure& failure) { failures_[storage] = failure; }
  void mark_storages() const;  // at the end

 private:
  const FaultTable& table_;
  int64_t last_ = 0;  // the last launch that is on record
  std::unordered_map<Storage*, Failure> failures_;
};

class Gpu {
 public:
  Gpu(const CudaLibrary& library, int number);
  ~Gpu();

  const CudaLibrary& library;
  const CudaGpu info;
  const Level level;
  GpuMemory memory;

  Context& context() { return *context_; }  // the library's, for its kernels
  void set_executor(Context* executor) { executor_ = executor; }

  // On the executor.
  void keep(std::unique_ptr<Task> task, Stream& stream);  // a task that has run
  void forget_confirmed();
  void replay();      // answers every read that has no answer yet, and forgets the tasks
  void drop_tasks();  // when the stream has stopped

  // On a thread of the library: all up to task number `sequence` has run. False where some kernel has raised a fault:
  // then a replay is under way, and answers.
  bool confirm(int64_t sequence, Stream& stream);
  bool is_faulted() const { return library.faults(*context_)->count != 0; }
  void set_lost() { lost_ = true; }  // it answers no more

  void finish() { library.finish(*context_); }  // waits for all that has been launched

 private:
  Context* executor_ = nullptr;
  Context* context_;
  std::deque<std::unique_ptr<Task>> tasks_;
  int64_t marked_ = 0;
  std::atomic<int64_t> confirmed_{0};
  std::atomic<bool> replaying_{false}, lost_{false};
};

}  // namespace ettin
