#include "stream.h"

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <new>
#include <stdexcept>

#include "gpu.h"
#include "graph.h"
#include "thread_pool.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace ettin {

namespace {

inline void pause_thread() {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// A larger block is returned when its kernel ends.
constexpr int64_t kept_scratch = int64_t{64} << 20, kept_scratch_of_gpu = int64_t{2} << 30;
constexpr int64_t gpu_alignment = 256;  // of scratch: what products of matrices like their operands to have

// Returns buffers to the system, once every task that uses them has run or been dropped.
class FreeTask final : public Task {
 public:
  FreeTask(Allocator& allocator, std::vector<Allocator::Buffer> buffers)
      : allocator_(allocator), buffers_(std::move(buffers)) {}
  ~FreeTask() override { free_all(); }
  void run(Context&) override { free_all(); }

 private:
  void free_all() {
    for (const Allocator::Buffer& buffer : buffers_) allocator_.give_system(buffer.data, buffer.bytes);
    buffers_.clear();
  }

  Allocator& allocator_;
  std::vector<Allocator::Buffer> buffers_;
};

// Under the address sanitizer a kernel that passes the end of a storage, or uses a released one, is caught although the
// buffer behind it is larger and used again. In the stream, because earlier tasks may still use the buffer rightly.
class GuardTask final : public Task {
 public:
  GuardTask(const Allocator::Buffer& buffer, int64_t usable)
      : data_(buffer.data), bytes_(buffer.bytes), usable_(usable) {}
  void run(Context&) override {
#ifdef __SANITIZE_ADDRESS__
    ASAN_UNPOISON_MEMORY_REGION(data_, static_cast<size_t>(usable_));
    ASAN_POISON_MEMORY_REGION(static_cast<char*>(data_) + usable_, static_cast<size_t>(bytes_ - usable_));
#endif
  }

 private:
  void* data_;
  [[maybe_unused]] int64_t bytes_;
  [[maybe_unused]] int64_t usable_;
};
#ifdef __SANITIZE_ADDRESS__
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

bool guarded(const Stream& stream) { return sanitized && !stream.gpu; }

}  // namespace

Stream::Stream(const Level& chosen, int wanted, int64_t memory)
    : level(chosen), threads(wanted), allocator(memory_limit(memory)), context_(std::make_unique<Context>(*this)) {
  thread_ = std::thread(&Stream::loop, this);
}

Stream::Stream(std::unique_ptr<Gpu> on)
    : gpu(std::move(on)),
      level(gpu->level),
      threads(1),
      allocator(memory_limit(gpu->info.memory), gpu->memory, gpu->memory.exact),
      context_(std::make_unique<Context>(*this)) {
  gpu->set_executor(context_.get());
  thread_ = std::thread(&Stream::loop, this);
}

Stream::~Stream() { stop(); }

void Stream::push(std::unique_ptr<Task> task) {
  bool wake;
  {
    const std::lock_guard<std::mutex> hold(lock_);
    queue_.push_back(std::move(task));
    queued_.store(true, std::memory_order_release);
    wake = sleeping_;
  }
  if (wake) wake_.notify_one();
}

void Stream::loop() {
  flush_denormals();
  if (gpu) gpu->library.enter(gpu->context());
  std::vector<std::unique_ptr<Task>> batch;
  for (;;) {
    if (gpu) look_out();
    {
      std::unique_lock<std::mutex> hold(lock_);
      busy_ = false;
      if (queue_.empty()) idle_.notify_all();
      sleeping_ = true;
      wake_.wait(hold, [&] { return stopping_ || !queue_.empty(); });
      sleeping_ = false;
      if (stopping_) return;
      batch.swap(queue_);
      queued_.store(false, std::memory_order_relaxed);
      busy_ = true;
    }
    for (auto& task : batch) {
      task->sequence = sequence_ + 1;
      sequence_ += task->numbers();
      task->run(*context_);
      finish(std::move(task));
      const std::lock_guard<std::mutex> hold(lock_);
      if (stopping_) break;
    }
    batch.clear();
  }
}

// Launching takes as long as queueing: an executor that slept between two tasks would have to be woken for each, which
// costs the JavaScript thread more than the task. So it looks out for the next one a while.
void Stream::look_out() const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(100);
  while (!queued_.load(std::memory_order_acquire) && std::chrono::steady_clock::now() < end) {
    for (int i = 0; i < 16; i++) pause_thread();
  }
}

// A kernel on a GPU is only launched by now: its task is kept until it is known that it went well.
void Stream::finish(std::unique_ptr<Task> task) {
  if (!gpu) return;
  gpu->keep(std::move(task), *this);
  gpu->forget_confirmed();
}

void Stream::push_call(std::unique_ptr<KernelCall> call) {
  graph_ ? graph_->add(std::move(call)) : push(std::move(call));
}

void Stream::begin_graph() {
  if (graph_) throw std::runtime_error("a graph is being captured already. Capture one after the other.");
  graph_ = std::make_shared<Graph>(*this);
}

std::shared_ptr<Graph> Stream::end_graph() {
  std::shared_ptr<Graph> graph = std::move(graph_);
  graph_ = nullptr;
  if (graph) push(std::make_unique<GraphTask>(graph));
  return graph;
}

void Stream::give_up_graph() {
  if (!graph_) return;
  for (std::unique_ptr<KernelCall>& call : graph_->take_calls()) push(std::move(call));
  graph_ = nullptr;
}

void Stream::give_up_graph_of(const Storage& storage) {
  if (graph_ && graph_->touches(&storage)) give_up_graph();
}

Allocator::Buffer Stream::take(int64_t bytes) {
  std::vector<Allocator::Buffer> surplus;
  Allocator::Buffer buffer = allocator.take(bytes, &surplus);
  if (!buffer.data && allocator.fits(bytes)) {  // buffers of other sizes are in the way
    wait_idle();
    allocator.trim();
    buffer = allocator.take(bytes, &surplus);
  }
  if (!surplus.empty()) push(std::make_unique<FreeTask>(allocator, std::move(surplus)));
  if (guarded(*this) && buffer.data) push(std::make_unique<GuardTask>(buffer, bytes));
  return buffer;
}

void Stream::give(Allocator::Buffer buffer) {
  if (allocator.exact) return give_back(buffer);
  allocator.give(buffer);
  if (guarded(*this)) push(std::make_unique<GuardTask>(buffer, 0));
}

void Stream::give_back(Allocator::Buffer buffer) {
  allocator.drop(buffer);
  if (guarded(*this)) push(std::make_unique<GuardTask>(buffer, buffer.bytes));
  push(std::make_unique<FreeTask>(allocator, std::vector<Allocator::Buffer>{buffer}));
}

// What has been launched may queue more when it ends: a fault asks for a replay.
void Stream::wait_idle() {
  const auto idle = [&] { return stopping_ || (queue_.empty() && !busy_); };
  for (;;) {
    {
      std::unique_lock<std::mutex> hold(lock_);
      idle_.wait(hold, idle);
    }
    if (!gpu) return;
    gpu->finish();
    const std::lock_guard<std::mutex> hold(lock_);
    if (idle()) return;
  }
}

void Stream::stop() {
  {
    const std::lock_guard<std::mutex> hold(lock_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  queue_.clear();
  graph_ = nullptr;
  if (!gpu) return;
  gpu->finish();  // downloads under way name their tasks
  gpu->drop_tasks();
}

Context& Context::for_kernels() { return gpu ? gpu->context() : *this; }

void Context::begin_kernel(int64_t sequence) {
  if (gpu) gpu->library.begin_kernel(gpu->context(), sequence);
}

Context::~Context() { give_blocks(); }

void Context::give_blocks() {
  for (const Block& block : blocks_) {
    stream.allocator.give_system(block.data, block.bytes);
    stream.allocator.scratch -= block.bytes;
  }
  blocks_.clear();
}

void* Context::take_scratch(int64_t bytes) {
  Allocator& memory = stream.allocator;
  const int64_t step = gpu ? gpu_alignment : 64;
  const int64_t size =
      memory.exact ? std::max<int64_t>(bytes, 1) : (std::max<int64_t>(bytes, 1) + step - 1) / step * step;
  total_ += size;
  measured_ = std::max(measured_, total_);
  if (is_capturing()) {
    if (total_ > lent_bytes_) fail("a graph's kernel takes more working memory than it did before");
    return static_cast<char*>(lent_) + (total_ - size);
  }
  if (blocks_.empty() || memory.exact || used_ + size > blocks_.back().bytes) {
    void* data = size <= memory.limit() ? memory.take_system(size) : nullptr;
    if (!data) {
      fail(
          "working memory: %.1f MB asked for, %.1f MB in use, limit %.1f MB. Lower the batch size or "
          "maxTokensPerMicroBatch%s.",
          static_cast<double>(size) / 1e6, static_cast<double>(memory.scratch.load()) / 1e6,
          static_cast<double>(memory.limit()) / 1e6, gpu ? ", or turn on gradient checkpointing" : "");
    }
    blocks_.push_back({data, size});
    used_ = 0;
    const int64_t now = memory.scratch += size;
    if (now > memory.scratch_peak.load()) memory.scratch_peak = now;
  }
  void* data = static_cast<char*>(blocks_.back().data) + used_;
  used_ += size;
  return data;
}

void Context::lend(void* data, int64_t bytes) {
  lent_ = data;
  lent_bytes_ = bytes;
}

void Context::end_kernel() {
  if (is_capturing()) {
    total_ = 0;
    return;
  }
  const int64_t kept = gpu ? kept_scratch_of_gpu : kept_scratch;
  const bool grew = blocks_.size() > 1;
  if (!blocks_.empty() && (grew || blocks_[0].bytes > kept || stream.allocator.exact)) {
    give_blocks();
    if (grew && total_ <= kept && !stream.allocator.exact) {  // one block next time
      void* data = nullptr;
      try {
        data = stream.allocator.take_system(total_);
      } catch (const std::exception&) {  // a GPU that has stopped: whoever needs the memory is told
      }
      if (data) {
        blocks_.push_back({data, total_});
        stream.allocator.scratch += total_;
      }
    }
  }
  used_ = 0;
  total_ = 0;
}

void* scratch(Context& context, int64_t bytes) { return context.take_scratch(bytes); }

void run_parallel(Context& context, int64_t tasks, void (*run)(void*, int64_t, int), void* body) {
  ThreadPool::shared().run(tasks, context.stream.threads, run, body);
}

int workers(Context& context) { return context.stream.threads; }

namespace {

PackedCopy& packing_of(Storage& storage, const void* source, int kind, int64_t bytes) {
  for (PackedCopy& copy : storage.packed) {
    if (copy.kind == kind && copy.source == source && copy.bytes == bytes) return copy;
  }
  return storage.packed.emplace_back(PackedCopy{kind, source, bytes});
}

void free_copy(Allocator& allocator, PackedCopy& copy) {
  if (!copy.data) return;
  allocator.give_system(copy.data, copy.bytes);
  allocator.packed -= copy.bytes;
  copy.data = nullptr;
  copy.filled = false;
}

}  // namespace

void* packed_copy(Context& context, const View& weight, int kind, int64_t bytes, bool* filled) {
  *filled = false;
  if (!weight.storage || !weight.storage->is_weight) return nullptr;
  PackedCopy& copy = packing_of(*weight.storage, weight.data, kind, bytes);
  if (context.is_capturing() && !copy.filled) fail("a weight has changed while a graph was captured");
  copy.reads++;
  copy.always = context.gpu != nullptr;
  Allocator& memory = context.stream.allocator;
  if (!copy.data && (copy.always || copy.reads > 1 || copy.reread) && memory.fits(bytes)) {
    copy.data = memory.take_system(bytes);
    if (copy.data) memory.packed += bytes;
  }
  *filled = copy.filled;
  copy.filled = copy.data != nullptr;
  return copy.data;
}

void mark_written(Allocator& allocator, Storage& storage) {
  for (PackedCopy& copy : storage.packed) {
    copy.reread = copy.always || copy.reads > 1;
    copy.reads = 0;
    if (copy.filled) allocator.stale_copies++;
    copy.filled = false;
    if (!copy.reread) free_copy(allocator, copy);
  }
}

void drop_packed(Allocator& allocator, Storage& storage) {
  for (PackedCopy& copy : storage.packed) free_copy(allocator, copy);
  storage.packed.clear();
}

void fail(const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  throw std::runtime_error(text);
}

}  // namespace ettin
