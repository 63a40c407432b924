#include "thread_pool.h"

#include <cstdio>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "variables.h"

#ifdef __linux__
#include <sched.h>
#endif
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace ettin {

namespace {

void pause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// A kernel is a row of short regions: a worker looks again for about this many pauses (some 20 µs) before it
// sleeps, and a sleeping worker costs a system call to wake.
constexpr int spins = 1000;

}  // namespace

ThreadPool& ThreadPool::shared() {
  static ThreadPool* pool = new ThreadPool;
  return *pool;
}

void ThreadPool::grow(int threads) {
  try {
    for (; threads_ < threads; threads_++) std::thread(&ThreadPool::worker_loop, this, threads_ + 1).detach();
  } catch (const std::system_error&) {
    // The system gives no more threads: those that are there do all tasks.
  }
}

void ThreadPool::worker_loop(int worker) {
  flush_denormals();
  uint64_t seen = 0;
  for (;;) {
    uint64_t now = epoch_.load();
    for (int i = 0; i < spins && now == seen; i++) {
      pause();
      now = epoch_.load();
    }
    if (now == seen) {
      epoch_.wait(seen);
      continue;
    }
    seen = now;
    joined_.fetch_add(1);
    // Seen open after joining: the executor that closes the region now waits for this worker.
    if (open_.load() && worker < workers_) work(worker);
    joined_.fetch_sub(1);
  }
}

void ThreadPool::work(int worker) {
  for (;;) {
    const int64_t task = next_.fetch_add(1);
    if (task >= tasks_ || failed_.load(std::memory_order_relaxed)) return;
    try {
      run_(body_, task, worker);
    } catch (...) {
      const std::lock_guard<std::mutex> hold(failure_lock_);
      if (!failure_) failure_ = std::current_exception();
      failed_.store(true);
    }
  }
}

void ThreadPool::run(int64_t tasks, int workers, Run run, void* body) {
  std::unique_lock<std::mutex> region(region_, std::defer_lock);
  if (tasks <= 1 || workers <= 1 || !region.try_lock()) {
    for (int64_t task = 0; task < tasks; task++) run(body, task, 0);
    return;
  }
  grow(workers - 1);
  tasks_ = tasks;
  workers_ = workers;
  run_ = run;
  body_ = body;
  failed_.store(false);
  next_.store(0);
  open_.store(true);
  epoch_.fetch_add(1);
  epoch_.notify_all();

  work(0);

  open_.store(false);
  for (int i = 0; joined_.load() != 0; i++) i < spins ? pause() : std::this_thread::yield();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

int default_threads() {
  if (const int n = threads_variable()) return n;
#ifdef __APPLE__
  int cores = 0;
  size_t size = sizeof(cores);
  if (sysctlbyname("hw.physicalcpu", &cores, &size, nullptr, 0) == 0 && cores > 0) return cores;
#endif
#ifdef __linux__
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    std::set<std::string> cores;  // processors that share a core name the same siblings
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
      if (!CPU_ISSET(cpu, &allowed)) continue;
      const std::string path = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list";
      char siblings[256] = {};
      if (FILE* file = std::fopen(path.c_str(), "r")) {
        if (!std::fgets(siblings, sizeof(siblings), file)) siblings[0] = 0;
        std::fclose(file);
      }
      cores.insert(siblings[0] ? siblings : std::to_string(cpu));
    }
    if (!cores.empty()) return static_cast<int>(cores.size());
  }
#endif
  const unsigned n = std::thread::hardware_concurrency();
  return n ? static_cast<int>(n) : 1;
}

void flush_denormals() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_setcsr(_mm_getcsr() | 0x8040);  // flush results to zero, read denormals as zero
#elif defined(__aarch64__)
  uint64_t fpcr;
  __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
  __asm__ volatile("msr fpcr, %0" : : "r"(fpcr | (uint64_t{1} << 24)));
#endif
}

}  // namespace ettin
