#include "device.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "../runtime/gpu.h"

#ifndef _WIN32
#include <sys/mman.h>
#endif

namespace ettin {

namespace {

// An empty array of JavaScript has no address, which memcpy must not be given.
void copy_bytes(void* to, const void* from, int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
}

// Copies to a GPU. Null where that went well, else what to mark the storage with.
Failure upload(Gpu& gpu, void* to, const void* from, int64_t bytes) {
  try {
    gpu.library.upload(gpu.context(), to, from, bytes);
    return nullptr;
  } catch (const std::exception& error) {
    return std::make_shared<const std::string>(std::string("[upload] ") + error.what());
  }
}

// Copies bytes that were taken from JavaScript when upload() was called.
class UploadTask final : public Task {
 public:
  UploadTask(Storage* storage, int64_t offset, const void* data, int64_t bytes)
      : storage_(storage),
        to_(static_cast<char*>(storage->data) + offset),
        whole_(offset == 0 && bytes == storage->used),
        bytes_(bytes),
        copy_(new char[static_cast<size_t>(bytes)]) {
    copy_bytes(copy_.get(), data, bytes);
  }
  void run(Context& context) override {
    if (Gpu* gpu = context.gpu) {
      failure_ = upload(*gpu, to_, copy_.get(), bytes_);
      copy_.reset();
    } else {
      copy_bytes(to_, copy_.get(), bytes_);
    }
    if (whole_ || failure_) storage_->failure = failure_;
    mark_written(context.stream.allocator, *storage_);
  }
  void replay(Replay& replay) override {
    if (whole_ || failure_) replay.set(storage_, failure_);
  }

 private:
  Storage* storage_;
  void* to_;
  bool whole_;
  int64_t bytes_;
  std::unique_ptr<char[]> copy_;
  Failure failure_;
};

void unmap(void* data, int64_t bytes) {
#ifndef _WIN32
  munmap(data, static_cast<size_t>(bytes));
#endif
}

// A GPU cannot read the host's memory: what is wrapped is copied, straight from where it lies.
class WrapTask final : public Task {
 public:
  WrapTask(Environment& environment, Storage* storage, void* data, Storage::Owner owner, int64_t held)
      : environment_(environment),
        storage_(storage),
        to_(storage->data),
        bytes_(storage->used),
        data_(data),
        owner_(owner),
        held_(held) {}
  ~WrapTask() override { done(); }
  void run(Context& context) override {
    storage_->failure = failure_ = upload(*context.gpu, to_, data_, bytes_);
    done();
  }
  void replay(Replay& replay) override { replay.set(storage_, failure_); }

 private:
  void done() {
    if (data_ && owner_ == Storage::Owner::file) unmap(data_, bytes_);
    if (data_ && held_ >= 0) environment_.send(std::make_unique<Reply>(Reply{held_, nullptr}));
    data_ = nullptr;
  }

  Environment& environment_;
  Storage* storage_;
  void* to_;
  int64_t bytes_;
  void* data_;
  Storage::Owner owner_;
  int64_t held_;
  Failure failure_;
};

class DownloadTask final : public Task {
 public:
  DownloadTask(Environment& environment, Storage* storage, int64_t offset, void* data, int64_t bytes, int64_t reply)
      : environment_(environment), storage_(storage), offset_(offset), data_(data), bytes_(bytes), reply_(reply) {
    if (!storage) return;
    rows_ = static_cast<const char*>(storage->data);
    form_ = storage->form;
  }
  void run(Context& context) override {
    if (context.gpu) return start(context);
    auto reply = std::make_unique<Reply>(Reply{reply_, storage_ ? storage_->failure : nullptr});
    if (storage_ && !storage_->failure) {
      if (!form_.data) {
        copy_bytes(data_, rows_ + offset_, bytes_);
      } else {
        const int64_t width = form_.dtype == DType::bfloat16 ? 2 : 4;
        context.kernels.unpack_weight(context, data_, form_, offset_ / width, bytes_ / width);
      }
    }
    environment_.send(std::move(reply));
  }
  // The GPU has caught up when this is asked: whoever has no answer gets one.
  void replay(Replay& replay) override {
    if (answered_) return;
    answer(failure_ || !storage_ ? failure_ : replay.failure_of(storage_));
  }

 private:
  // A mark needs the device too: it says that all before it has run.
  void start(Context& context) {
    stream_ = &context.stream;
    if (storage_) failure_ = storage_->failure;
    Gpu& gpu = *context.gpu;
    gpu.library.download(
        gpu.context(), data_, rows_ + offset_, failure_ || !storage_ ? 0 : bytes_,
        [](void* self, const char* error, bool stopped) { static_cast<DownloadTask*>(self)->arrived(error, stopped); },
        this);
  }
  // On a thread of the library; this task is kept until it is confirmed.
  void arrived(const char* error, bool stopped) {
    if (error) {
      answer(std::make_shared<const std::string>(std::string("[cuda] ") + error));
      if (stopped) stream_->gpu->set_lost();
      return;
    }
    // Answered first: once it is confirmed, this task may be gone.
    if (stream_->gpu->is_faulted()) return void(stream_->gpu->confirm(0, *stream_));
    Stream& stream = *stream_;
    const int64_t number = sequence;
    answer(failure_);
    stream.gpu->confirm(number, stream);
  }
  void answer(Failure failure) {
    answered_ = true;
    environment_.send(std::make_unique<Reply>(Reply{reply_, std::move(failure)}));
  }

  Environment& environment_;
  Storage* storage_;  // null: only a mark in the stream
  const char* rows_ = nullptr;
  PackedWeight form_ = {};
  int64_t offset_;
  void* data_;
  int64_t bytes_;
  int64_t reply_;
  Stream* stream_ = nullptr;
  Failure failure_;  // as of when the copy was queued
  bool answered_ = false;
};

void unmap(Storage& storage) {
  if (storage.owner == Storage::Owner::file) unmap(storage.data, storage.bytes);
}

// Frees the records of released storages, once every task that names them has run or been dropped.
class ForgetTask final : public Task {
 public:
  ForgetTask(Environment& environment, Allocator& allocator, std::vector<Storage*> storages)
      : environment_(environment), allocator_(allocator), storages_(std::move(storages)) {}
  ~ForgetTask() override {
    for (Storage* storage : storages_) {
      drop_packed(allocator_, *storage);
      unmap(*storage);
      delete storage;
    }
  }
  void run(Context&) override {
    for (const Storage* storage : storages_) {
      if (storage->held >= 0) environment_.send(std::make_unique<Reply>(Reply{storage->held, nullptr}));
    }
  }

 private:
  Environment& environment_;
  Allocator& allocator_;
  std::vector<Storage*> storages_;
};

class DropTask final : public Task {
 public:
  explicit DropTask(std::shared_ptr<Graph> graph) : graph_(std::move(graph)) {}
  void run(Context&) override {}

 private:
  std::shared_ptr<Graph> graph_;
};

}  // namespace

Device::Device(Environment& environment, std::unique_ptr<Gpu> gpu)
    : environment_(environment), stream_(std::move(gpu)) {}

Device::~Device() {
  stop();
  graphs_.clear();
  for (Storage* storage : storages_) {
    if (!storage) continue;
    drop_packed(stream_.allocator, *storage);
    if (storage->held >= 0) environment_.forget(storage->held);
    if (storage->owner == Storage::Owner::pool) stream_.allocator.give({memory_of(*storage), storage->bytes});
    unmap(*storage);
    delete storage;
  }
}

int64_t Device::keep(Storage* storage) {
  if (free_ids_.empty()) {
    storages_.push_back(storage);
    return static_cast<int64_t>(storages_.size()) - 1;
  }
  const int64_t id = free_ids_.back();
  free_ids_.pop_back();
  storages_[static_cast<size_t>(id)] = storage;
  return id;
}

int64_t Device::allocate(int64_t bytes) {
  const Allocator::Buffer buffer = stream_.take(bytes);
  if (!buffer.data) return -1;
  auto* storage = new Storage;
  storage->data = buffer.data;
  storage->bytes = buffer.bytes;
  storage->used = bytes;
  return keep(storage);
}

int64_t Device::wrap(void* data, int64_t bytes, Storage::Owner owner, int64_t held) {
  if (stream_.gpu) {
    const auto let_go = [&] {
      if (held >= 0) environment_.forget(held);
      if (owner == Storage::Owner::file) unmap(data, bytes);
    };
    int64_t id;
    try {
      id = allocate(bytes);
    } catch (const std::exception&) {
      let_go();
      throw;
    }
    if (id < 0) {
      let_go();
      return -1;
    }
    Storage* storage = storages_[static_cast<size_t>(id)];
    stream_.push(std::make_unique<WrapTask>(environment_, storage, data, owner, held));
    return id;
  }
  auto* storage = new Storage;
  storage->data = data;
  storage->bytes = bytes;
  storage->used = bytes;
  storage->owner = owner;
  storage->held = held;
  return keep(storage);
}

void Device::release(const int32_t* ids, size_t count) {
  std::vector<Storage*> storages;
  storages.reserve(count);
  for (size_t i = 0; i < count; i++) {
    Storage*& slot = storages_[static_cast<size_t>(ids[i])];
    if (!slot) continue;
    if (slot->owner == Storage::Owner::pool) stream_.give({memory_of(*slot), slot->bytes});
    storages.push_back(slot);
    slot = nullptr;
    free_ids_.push_back(ids[i]);
  }
  stream_.push(std::make_unique<ForgetTask>(environment_, stream_.allocator, std::move(storages)));
}

void Device::set_weight(int64_t id) { storages_[static_cast<size_t>(id)]->is_weight = true; }

void Device::upload(int64_t id, int64_t offset, const void* data, int64_t bytes) {
  Storage* storage = storages_[static_cast<size_t>(id)];
  stream_.give_up_graph_of(*storage);
  bytes == storage->used ? want_room(stream_, *storage) : want_rows(stream_, *storage);
  stream_.push(std::make_unique<UploadTask>(storage, offset, data, bytes));
}

void Device::download(int64_t id, int64_t offset, void* data, int64_t bytes, int64_t reply) {
  stream_.give_up_graph();
  stream_.push(
      std::make_unique<DownloadTask>(environment_, storages_[static_cast<size_t>(id)], offset, data, bytes, reply));
}

int64_t Device::end_graph(bool kept) {
  if (!kept) stream_.give_up_graph();
  std::shared_ptr<Graph> graph = stream_.end_graph();
  if (!graph) return -1;
  const auto place = std::find(graphs_.begin(), graphs_.end(), nullptr);
  const int64_t id = place - graphs_.begin();
  place == graphs_.end() ? graphs_.push_back(std::move(graph)) : void(*place = std::move(graph));
  return id;
}

bool Device::run_graph(int64_t id) {
  const std::shared_ptr<Graph>& graph = graphs_[static_cast<size_t>(id)];
  if (!graph->is_current()) return false;
  stream_.push(std::make_unique<GraphTask>(graph));
  return true;
}

// In the stream: what a GPU keeps of it goes when it has run for the last time, on the executor.
void Device::drop_graph(int64_t id) {
  stream_.push(std::make_unique<DropTask>(std::move(graphs_[static_cast<size_t>(id)])));
}

void Device::synchronize(int64_t reply) {
  stream_.give_up_graph();
  stream_.push(std::make_unique<DownloadTask>(environment_, nullptr, 0, nullptr, 0, reply));
}

}  // namespace ettin
