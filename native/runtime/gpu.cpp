#include "gpu.h"

#include <cstdio>
#include <map>
#include <mutex>
#include <stdexcept>

#include "stream.h"

#ifndef _WIN32
#include <dlfcn.h>
#endif

namespace ettin {

namespace {

constexpr int64_t tasks_between_marks = 4096;

const CudaLibrary* load(const std::string& path) {
#ifdef _WIN32
  throw std::runtime_error(path + " cannot be opened: GPUs are supported on Linux only so far. Use the CPU.");
#else
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();
    throw std::runtime_error(path + " does not load: " + (why ? why : "no reason given") +
                             ". Build it again with npm run build:cuda, or install its package again.");
  }
  using Entry = const CudaLibrary* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, "ettin_cuda_library"));
  const CudaLibrary* found = entry ? entry() : nullptr;
  if (!found || found->contract != cuda_contract()) {
    dlclose(library);
    throw std::runtime_error(
        path + (entry ? " was built from other sources than this addon" : " is not a library of Ettin's CUDA kernels") +
        ". Build both again, npm run build and npm run build:cuda, or install packages of one "
        "version.");
  }
  return found;
#endif
}

// In the stream, so that it runs on the executor.
class ReplayTask final : public Task {
 public:
  explicit ReplayTask(Gpu& gpu) : gpu_(gpu) {}
  void run(Context&) override { gpu_.replay(); }

 private:
  Gpu& gpu_;
};

struct Mark {
  Gpu& gpu;
  Stream& stream;
  int64_t sequence;
};

}  // namespace

const CudaLibrary& open_cuda_library(const std::string& path) {
  static std::mutex lock;
  static std::map<std::string, const CudaLibrary*> opened;
  const std::lock_guard<std::mutex> hold(lock);
  const CudaLibrary*& library = opened[path];
  if (!library) library = load(path);
  return *library;
}

Replay::Replay(const FaultTable& table) : table_(table) {
  for (const FaultRecord& record : table.records) {
    if (record.launch > last_) last_ = record.launch;
  }
}

std::string Replay::fault_of(int64_t sequence) const {
  for (const FaultRecord& record : table_.records) {
    if (record.launch != sequence) continue;
    const int64_t* n = record.numbers;
    char text[1024];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    std::snprintf(text, sizeof text, record.format, static_cast<long long>(n[0]), static_cast<long long>(n[1]),
                  static_cast<long long>(n[2]), static_cast<long long>(n[3]), static_cast<long long>(n[4]));
#pragma GCC diagnostic pop
    return text;
  }
  if (table_.count > FaultTable::capacity && sequence > last_)
    return "more kernels have failed than are recorded. Mend the first failure that is told and run again.";
  return "";
}

Failure Replay::failure_of(Storage* storage) const {
  const auto found = failures_.find(storage);
  return found == failures_.end() ? nullptr : found->second;
}

void Replay::mark_storages() const {
  for (const auto& [storage, failure] : failures_) {
    if (failure) storage->failure = failure;
  }
}

Gpu::Gpu(const CudaLibrary& cuda, int number)
    : library(cuda),
      info(cuda.describe(number)),
      level{"cuda", cuda.kernels, [] { return true; }},
      memory([this](int64_t bytes) { return library.take(*context_, bytes); },
             [this](void* data) { library.give(*context_, data); }, exact_gpu_memory()) {
  CudaHost host{};
  host.executor = this;
  host.packed_copy = [](void* gpu, const View& weight, int kind, int64_t bytes, bool* filled) {
    return packed_copy(*static_cast<Gpu*>(gpu)->executor_, weight, kind, bytes, filled);
  };
  host.scratch = [](void* gpu, int64_t bytes) { return static_cast<Gpu*>(gpu)->executor_->take_scratch(bytes); };
  host.take = [](void* gpu, int64_t bytes) { return static_cast<Gpu*>(gpu)->memory.take(bytes); };
  context_ = library.open(number, host);
}

// The memory goes before the context that it was taken from; what the library has taken is part of it.
Gpu::~Gpu() {
  finish();
  memory.release();
  library.close(context_);
}

void Gpu::keep(std::unique_ptr<Task> task, Stream& stream) {
  const int64_t sequence = task->sequence;
  tasks_.push_back(std::move(task));
  if (lost_) return replay();  // no mark will come back
  if (sequence - marked_ < tasks_between_marks) return;
  marked_ = sequence;
  library.download(
      *context_, nullptr, nullptr, 0,
      [](void* argument, const char* error, bool stopped) {
        const std::unique_ptr<Mark> mark(static_cast<Mark*>(argument));
        if (stopped) mark->gpu.set_lost();
        if (!error) mark->gpu.confirm(mark->sequence, mark->stream);
      },
      new Mark{*this, stream, sequence});
}

bool Gpu::confirm(int64_t sequence, Stream& stream) {
  if (is_faulted()) {
    if (!replaying_.exchange(true)) stream.push(std::make_unique<ReplayTask>(*this));
    return false;
  }
  int64_t known = confirmed_.load();
  while (known < sequence && !confirmed_.compare_exchange_weak(known, sequence)) {
  }
  return true;
}

void Gpu::forget_confirmed() {
  const int64_t confirmed = confirmed_.load();
  while (!tasks_.empty() && tasks_.front()->sequence <= confirmed) tasks_.pop_front();
}

// All that has been launched has run when this looks: so every fault is on record, and every task that is kept can be
// told what became of what it read.
void Gpu::replay() {
  finish();
  Replay replay(*library.faults(*context_));
  for (const auto& task : tasks_) task->replay(replay);
  replay.mark_storages();
  library.clear_faults(*context_);
  replaying_ = false;
  tasks_.clear();
}

void Gpu::drop_tasks() { tasks_.clear(); }

}  // namespace ettin
