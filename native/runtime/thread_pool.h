// The compute threads: one pool for the process, shared by every stream. A stream's executor takes part in
// its own parallel regions, so n workers are n - 1 threads of the pool and the executor. One region runs on
// the pool at a time; an executor that finds the pool taken runs its region alone, with the same result,
// because results never depend on which worker runs a task.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

namespace ettin {

class ThreadPool {
 public:
  static ThreadPool& shared();  // never destroyed: its threads end with the process

  using Run = void (*)(void* body, int64_t task, int worker);
  // Runs every task in [0, tasks) on at most `workers` threads and returns when all are done. Throws what
  // the first failing task threw, after the others have stopped.
  void run(int64_t tasks, int workers, Run run, void* body);

 private:
  void grow(int threads);
  void worker_loop(int worker);
  void work(int worker);

  std::mutex region_;  // held by the executor whose region is on the pool
  int threads_ = 0;
  std::atomic<uint64_t> epoch_{0};  // counts regions; workers sleep on it
  std::atomic<bool> open_{false};   // the fields below belong to a region that workers may join
  std::atomic<int> joined_{0};      // workers inside, or looking in
  std::atomic<int64_t> next_{0};
  int64_t tasks_ = 0;
  int workers_ = 0;
  Run run_ = nullptr;
  void* body_ = nullptr;
  std::atomic<bool> failed_{false};
  std::mutex failure_lock_;
  std::exception_ptr failure_;
};

// ETTIN_NUM_THREADS, else the physical cores that this process may run on. Throws where the variable is no such number.
int default_threads();

// Denormals count as zero on this thread: they are a hundred times slower and no model needs them.
void flush_denormals();

}  // namespace ettin
