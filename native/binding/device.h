// One device of one JavaScript environment: its stream, its storages by id, and the promises that wait for
// reads. Everything here runs on that environment's JavaScript thread, but for what `Reply` carries back.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "../runtime/graph.h"
#include "../runtime/weight_form.h"
#include "tokenizers.h"

namespace ettin {

class Environment;

class Device {
 public:
  Device(Environment& environment, const Level& level, int threads, int64_t memory)
      : environment_(environment), stream_(level, threads, memory) {}
  Device(Environment& environment, std::unique_ptr<Gpu> gpu);
  ~Device();

  Stream& stream() { return stream_; }
  const Gpu& gpu() const { return *stream_.gpu; }
  const std::vector<Storage*>& storages() const { return storages_; }

  // -1 when there is not enough memory.
  int64_t allocate(int64_t bytes);
  // A storage over memory of the host, or, on a GPU, with its contents: -1 where there is no room for them.
  int64_t wrap(void* data, int64_t bytes, Storage::Owner owner, int64_t held = -1);
  void release(const int32_t* ids, size_t count);
  void set_weight(int64_t id);
  void upload(int64_t id, int64_t offset, const void* data, int64_t bytes);
  void download(int64_t id, int64_t offset, void* data, int64_t bytes, int64_t reply);
  void synchronize(int64_t reply);
  void enqueue(std::unique_ptr<KernelCall> call) { stream_.push_call(std::move(call)); }

  // Calls between the two are queued together, and can be again: the graph's number, or -1 where they had to be queued
  // one by one. Not `kept`: they are queued that way at once.
  void begin_graph() { stream_.begin_graph(); }
  int64_t end_graph(bool kept);
  bool run_graph(int64_t id);  // false: a weight that it touches lies elsewhere by now, and nothing is queued
  void drop_graph(int64_t id);
  void stop() { stream_.stop(); }

 private:
  int64_t keep(Storage* storage);

  Environment& environment_;
  std::vector<Storage*> storages_;  // by id; null where free
  std::vector<int64_t> free_ids_;
  std::vector<std::shared_ptr<Graph>> graphs_;  // by number; null where free
  Stream stream_;
};

// What an executor tells the JavaScript thread: read number `reply` is done, or failed with this text. Or that no
// kernel uses what was kept under that number any more.
struct Reply {
  int64_t reply;
  Failure failure;
};

// The addon's state in one JavaScript environment (the main thread, or a worker).
class Environment {
 public:
  explicit Environment(Napi::Env env);
  ~Environment();

  Device& open(const Level& level, int threads, int64_t memory, int64_t* id);
  Device& open(std::unique_ptr<Gpu> gpu, int64_t* id);
  Device& device(int64_t id);
  bool is_closed(int64_t id) const;
  void close(int64_t id);
  const double* commands() const { return commands_; }
  Napi::Float64Array command_buffer();

  // A promise for a read, and the buffer that it fills (kept alive until then); no buffer for a mere mark.
  Napi::Promise expect(Napi::Env env, Napi::ArrayBuffer result, int64_t* reply);
  // Keeps memory of JavaScript alive until a reply with its number, or forget(). Does not keep the process alive.
  int64_t keep(Napi::ArrayBuffer memory);
  void forget(int64_t number);
  void send(std::unique_ptr<Reply> reply);  // from an executor
  void settle(Napi::Env env, const Reply& reply);
  void stop();  // before the environment goes

  Tokenizers tokenizers;

 private:
  struct Waiting;
  int64_t number(std::unique_ptr<Waiting> waiting);

  struct Waiting {
    std::unique_ptr<Napi::Promise::Deferred> deferred;  // null: nobody waits, the memory is only kept
    Napi::Reference<Napi::ArrayBuffer> result;
  };
  double* commands_;
  Napi::Reference<Napi::Float64Array> command_buffer_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<std::unique_ptr<Waiting>> waiting_;
  std::vector<int64_t> free_replies_;
  int64_t pending_ = 0;
  Napi::ThreadSafeFunction to_javascript_;
  bool stopped_ = false;
};

}  // namespace ettin
