#include "device.h"

#include <cstring>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#ifndef _WIN32
#include <sys/mman.h>
#endif

namespace ettin {

namespace {

// An empty array of JavaScript has no address, which memcpy must not be given.
void copy_bytes(void* to, const void* from, int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
}

// Copies bytes that were taken from JavaScript when upload() was called.
class UploadTask final : public Task {
 public:
  UploadTask(Storage* storage, int64_t offset, const void* data, int64_t bytes)
      : storage_(storage), offset_(offset), bytes_(bytes), copy_(new char[static_cast<size_t>(bytes)]) {
    copy_bytes(copy_.get(), data, bytes);
  }
  void run(Context&) override {
    copy_bytes(static_cast<char*>(storage_->data) + offset_, copy_.get(), bytes_);
    if (offset_ == 0 && bytes_ == storage_->used) storage_->failure = nullptr;
    mark_written(*storage_);
  }

 private:
  Storage* storage_;
  int64_t offset_;
  int64_t bytes_;
  std::unique_ptr<char[]> copy_;
};

class DownloadTask final : public Task {
 public:
  DownloadTask(Environment& environment, const Storage* storage, int64_t offset, void* data, int64_t bytes,
               int64_t reply)
      : environment_(environment), storage_(storage), offset_(offset), data_(data), bytes_(bytes), reply_(reply) {}
  void run(Context&) override {
    auto reply = std::make_unique<Reply>(Reply{reply_, storage_ ? storage_->failure : nullptr});
    if (storage_ && !storage_->failure) {
      copy_bytes(data_, static_cast<const char*>(storage_->data) + offset_, bytes_);
    }
    environment_.send(std::move(reply));
  }

 private:
  Environment& environment_;
  const Storage* storage_;  // null: only a mark in the stream
  int64_t offset_;
  void* data_;
  int64_t bytes_;
  int64_t reply_;
};

// Returns buffers to the system, once every task that uses them has run or been dropped.
class FreeTask final : public Task {
 public:
  FreeTask(Allocator& allocator, std::vector<Allocator::Buffer> buffers)
      : allocator_(allocator), buffers_(std::move(buffers)) {}
  ~FreeTask() override {
    for (const Allocator::Buffer& buffer : buffers_) allocator_.give_system(buffer.data, buffer.bytes);
  }
  void run(Context&) override {}

 private:
  Allocator& allocator_;
  std::vector<Allocator::Buffer> buffers_;
};

// Under the address sanitizer a kernel that passes the end of a storage, or uses a released one, is caught although the
// buffer behind it is larger and used again. In the stream, because earlier tasks may still use the buffer rightly.
class GuardTask final : public Task {
 public:
  GuardTask(const Storage& storage, int64_t usable) : data_(storage.data), bytes_(storage.bytes), usable_(usable) {}
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
constexpr bool guarded = true;
#else
constexpr bool guarded = false;
#endif

void unmap(Storage& storage) {
#ifndef _WIN32
  if (storage.owner == Storage::Owner::file) munmap(storage.data, static_cast<size_t>(storage.bytes));
#endif
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

}  // namespace

Device::~Device() {
  stop();
  for (Storage* storage : storages_) {
    if (!storage) continue;
    drop_packed(stream_.allocator, *storage);
    if (storage->held >= 0) environment_.forget(storage->held);
    if (storage->owner == Storage::Owner::pool) stream_.allocator.give({storage->data, storage->bytes});
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
  Allocator& memory = stream_.allocator;
  std::vector<Allocator::Buffer> surplus;
  Allocator::Buffer buffer = memory.take(bytes, &surplus);
  if (!buffer.data && memory.fits(bytes)) {  // buffers of other sizes are in the way
    stream_.wait_idle();
    memory.trim();
    buffer = memory.take(bytes, &surplus);
  }
  if (!surplus.empty()) stream_.push(std::make_unique<FreeTask>(memory, std::move(surplus)));
  if (!buffer.data) return -1;
  auto* storage = new Storage;
  storage->data = buffer.data;
  storage->bytes = buffer.bytes;
  storage->used = bytes;
  if (guarded) stream_.push(std::make_unique<GuardTask>(*storage, bytes));
  return keep(storage);
}

int64_t Device::wrap(void* data, int64_t bytes, Storage::Owner owner, int64_t held) {
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
    if (slot->owner == Storage::Owner::pool) {
      stream_.allocator.give({slot->data, slot->bytes});
      if (guarded) stream_.push(std::make_unique<GuardTask>(*slot, 0));
    }
    storages.push_back(slot);
    slot = nullptr;
    free_ids_.push_back(ids[i]);
  }
  stream_.push(std::make_unique<ForgetTask>(environment_, stream_.allocator, std::move(storages)));
}

void Device::set_weight(int64_t id) { storages_[static_cast<size_t>(id)]->is_weight = true; }

void Device::upload(int64_t id, int64_t offset, const void* data, int64_t bytes) {
  stream_.push(std::make_unique<UploadTask>(storages_[static_cast<size_t>(id)], offset, data, bytes));
}

void Device::download(int64_t id, int64_t offset, void* data, int64_t bytes, int64_t reply) {
  stream_.push(
      std::make_unique<DownloadTask>(environment_, storages_[static_cast<size_t>(id)], offset, data, bytes, reply));
}

void Device::synchronize(int64_t reply) {
  stream_.push(std::make_unique<DownloadTask>(environment_, nullptr, 0, nullptr, 0, reply));
}

}  // namespace ettin
