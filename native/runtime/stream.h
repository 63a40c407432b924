// A device's stream: one executor thread that runs tasks in the order in which they were queued; on a GPU, that
// launches them. The JavaScript thread only queues. A task that fails marks what it would have written; a task that
// would read a marked storage is skipped and passes the mark on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "../kernels.h"
#include "allocator.h"
#include "context.h"
#include "dispatch.h"
#include "storage.h"

namespace ettin {

class Gpu;
class Graph;
class KernelCall;
class Replay;

class Task {
 public:
  virtual ~Task() = default;
  virtual void run(Context& context) = 0;
  // On a GPU, after some kernel has raised a fault: passes the fault's mark on to what this task wrote (gpu.h).
  virtual void replay(Replay&) {}
  virtual int64_t numbers() const { return 1; }  // that it takes

  int64_t sequence = 0;  // its number in the stream, from 1; the first of them
};

class Stream {
 public:
  Stream(const Level& level, int threads, int64_t memory = system_memory_bytes());
  explicit Stream(std::unique_ptr<Gpu> gpu);
  ~Stream();
  Stream(const Stream&) = delete;

  void push(std::unique_ptr<Task> task);
  void wait_idle();  // blocks the caller; only for trimming and closing
  void stop();       // lets the task in hand finish, drops the others, joins; idempotent

  // Kernel calls from begin_graph() on are kept, and end_graph() queues them as one task that can be queued again; null
  // where they had to be queued on the way, because something else would have come out of order.
  void push_call(std::unique_ptr<KernelCall> call);
  void begin_graph();
  std::shared_ptr<Graph> end_graph();
  void give_up_graph();                           // queues what has been kept, and all that follows as ever
  void give_up_graph_of(const Storage& storage);  // where it touches that

  // Memory for storages, in program order: like push, for the JavaScript thread.
  Allocator::Buffer take(int64_t bytes);     // null data where there is not enough
  void give(Allocator::Buffer buffer);       // to the pool
  void give_back(Allocator::Buffer buffer);  // to the system

  const std::unique_ptr<Gpu> gpu;  // null on the CPU
  const Level& level;
  const int threads;
  Allocator allocator;

 private:
  void loop();
  void finish(std::unique_ptr<Task> task);
  void look_out() const;

  std::mutex lock_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::vector<std::unique_ptr<Task>> queue_;
  std::atomic<bool> queued_{false};  // the queue is not empty; read without the lock
  bool sleeping_ = false;
  bool busy_ = false;
  bool stopping_ = false;
  std::shared_ptr<Graph> graph_;  // that is being kept; the JavaScript thread's
  int64_t sequence_ = 0;
  std::unique_ptr<Context> context_;
  std::thread thread_;
};

// The executor's side of a stream: what kernels reach through runtime/context.h.
struct Context {
  Stream& stream;
  const Kernels& kernels;
  Gpu* const gpu;

  explicit Context(Stream& s) : stream(s), kernels(*s.level.kernels), gpu(s.gpu.get()) {}
  ~Context();
  Context& for_kernels();  // what kernels are given: this, or the CUDA library's own
  void begin_kernel(int64_t sequence);
  // A kernel that is queued on a GPU may still use a block when the next is launched, or when the block has gone back
  // to the GPU's memory: the stream's order makes that safe.
  void* take_scratch(int64_t bytes);
  void end_kernel();  // scratch is free again

  // For a graph that is captured: its kernels' scratch must stay. Measured: the most that a kernel took since the
  // begin. While memory is lent, scratch is cut from it, and what would take other memory throws; -1 bytes end that.
  void begin_measure() { measured_ = 0; }
  int64_t measured_scratch() const { return measured_; }
  void lend(void* data, int64_t bytes);
  bool is_capturing() const { return lent_bytes_ >= 0; }

 private:
  struct Block {
    void* data;
    int64_t bytes;
  };
  void give_blocks();

  std::vector<Block> blocks_;  // in use by the kernel; one block between kernels
  int64_t used_ = 0;           // of the last block
  int64_t total_ = 0;          // asked for by the kernel
  int64_t measured_ = 0;
  void* lent_ = nullptr;
  int64_t lent_bytes_ = -1;
};

void drop_packed(Allocator& allocator, Storage& storage);
// Packed copies are stale; those that were read only once go.
void mark_written(Allocator& allocator, Storage& storage);

}  // namespace ettin
