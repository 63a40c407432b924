// Drives the runtime the way several JavaScript environments do at once, without Node: for the thread sanitizer, which
// cannot judge a process whose main program it has not instrumented. `npm run sanitize` builds and runs it.
//
//   pool      several executors open regions on the shared pool; some bodies fail
//   streams   several environments queue uploads, kernels that fail and kernels that do not, and reads
//   graphs    several environments keep kernel calls, replay them with other inputs, give them up and drop them
//   endings   streams end with work in their queues
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "../binding/kernel_task.h"
#include "../runtime/graph.h"
#include "../runtime/thread_pool.h"

namespace {

using namespace ettin;

void check(bool right, const std::string& what) {
  if (right) return;
  std::fprintf(stderr, "wrong: %s\n", what.c_str());
  std::abort();
}

// One environment's side of a stream: what binding/device.cpp does, without JavaScript.
class Program {
 public:
  explicit Program(int threads) : stream_(choose_level("baseline"), threads), commands_(4096) {}
  ~Program() {
    stream_.stop();
    for (Storage* storage : storages_) {
      if (storage) forget(storage);
    }
  }

  struct Array {
    int64_t id;
    DType dtype;
    std::vector<int64_t> shape;
  };

  Array make(DType dtype, std::vector<int64_t> shape) {
    int64_t bytes = dtype == DType::bfloat16 ? 2 : 4;
    for (const int64_t size : shape) bytes *= size;
    const Allocator::Buffer buffer = stream_.take(bytes);
    check(buffer.data != nullptr, "memory");
    auto* storage = new Storage;
    storage->data = buffer.data;
    storage->bytes = buffer.bytes;
    storage->used = bytes;
    storages_.push_back(storage);
    return {static_cast<int64_t>(storages_.size()) - 1, dtype, std::move(shape)};
  }

  void release(const Array& array) {
    Storage*& slot = storages_[static_cast<size_t>(array.id)];
    stream_.give({memory_of(*slot), slot->bytes});
    const std::shared_ptr<Storage> last(slot, [this](Storage* storage) {
      drop_packed(stream_.allocator, *storage);
      delete storage;
    });
    later([last](Context&) {});  // freed with the task, whether it runs or is dropped
    slot = nullptr;
  }

  void set_weight(const Array& array) { storages_[static_cast<size_t>(array.id)]->is_weight = true; }

  template <class T>
  void upload(const Array& array, std::vector<T> values) {
    Storage* storage = storages_[static_cast<size_t>(array.id)];
    stream_.give_up_graph_of(*storage);
    want_room(stream_, *storage);
    later([storage, data = storage->data, values = std::move(values)](Context& context) {
      std::memcpy(data, values.data(), values.size() * sizeof(T));
      storage->failure = nullptr;
      mark_written(context.stream.allocator, *storage);
    });
  }

  // Arguments as JavaScript writes them: arrays, then plain numbers.
  void call(const char* name, const std::vector<const Array*>& arrays, const std::vector<double>& numbers = {}) {
    double* at = commands_.data();
    for (const Array* array : arrays) {
      *at++ = array ? static_cast<double>(array->id) : -1;
      if (!array) continue;
      *at++ = 0;
      *at++ = static_cast<double>(static_cast<int32_t>(array->dtype));
      *at++ = static_cast<double>(array->shape.size());
      for (const int64_t size : array->shape) *at++ = static_cast<double>(size);
      int64_t stride = 1;
      for (size_t d = array->shape.size(); d-- > 0; stride *= array->shape[d]) at[d] = static_cast<double>(stride);
      at += array->shape.size();
    }
    for (const double number : numbers) *at++ = number;
    for (const Entry& entry : entries()) {
      if (entry.name != name) continue;
      Reader reader(commands_.data(), storages_, stream_);
      stream_.push_call(entry.make(entry.name.c_str(), *stream_.level.kernels, reader));
      return;
    }
    check(false, std::string("no kernel ") + name);
  }

  struct Result {
    std::vector<float> values;
    std::string failure;
  };
  std::future<Result> read(const Array& array, int64_t count) {
    stream_.give_up_graph();
    auto promise = std::make_shared<std::promise<Result>>();
    Storage* storage = storages_[static_cast<size_t>(array.id)];
    want_rows(stream_, *storage);
    later([promise, count, storage, address = storage->data](Context&) {
      Result result;
      if (storage->failure) {
        result.failure = *storage->failure;
      } else {
        const auto* data = static_cast<const float*>(address);
        result.values.assign(data, data + count);
      }
      promise->set_value(std::move(result));
    });
    return promise->get_future();
  }

  void begin_graph() { stream_.begin_graph(); }
  std::shared_ptr<Graph> end_graph() { return stream_.end_graph(); }
  void give_up_graph() { stream_.give_up_graph(); }
  bool run_graph(const std::shared_ptr<Graph>& graph) {
    if (!graph->is_current()) return false;
    stream_.push(std::make_unique<GraphTask>(graph));
    return true;
  }
  void drop_graph(std::shared_ptr<Graph> graph) {
    later([graph = std::move(graph)](Context&) {});
  }

  MemoryStats stats() const { return stream_.allocator.stats(); }

 private:
  class Function final : public Task {
   public:
    explicit Function(std::function<void(Context&)> run) : run_(std::move(run)) {}
    void run(Context& context) override { run_(context); }

   private:
    std::function<void(Context&)> run_;
  };
  void later(std::function<void(Context&)> run) { stream_.push(std::make_unique<Function>(std::move(run))); }

  void forget(Storage* storage) {
    drop_packed(stream_.allocator, *storage);
    stream_.allocator.give({memory_of(*storage), storage->bytes});
    delete storage;
  }

  Stream stream_;
  std::vector<Storage*> storages_;
  std::vector<double> commands_;
};

void on_threads(int count, const std::function<void(int)>& run) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; i++) threads.emplace_back(run, i);
  for (std::thread& thread : threads) thread.join();
}

void pool(int rounds) {
  on_threads(4, [rounds](int caller) {
    std::mt19937 random(static_cast<unsigned>(caller));
    for (int round = 0; round < rounds; round++) {
      const int64_t tasks = random() % 40;
      const int workers = 1 + static_cast<int>(random() % 4);
      const bool fails = tasks > 2 && random() % 4 == 0;
      struct Body {
        std::vector<int> runs;  // each task writes its own: the region orders them before the reads below
        int64_t failing;
      } body{std::vector<int>(static_cast<size_t>(tasks)), fails ? tasks / 2 : -1};
      bool thrown = false;
      try {
        ThreadPool::shared().run(
            tasks, workers,
            [](void* data, int64_t task, int worker) {
              auto* b = static_cast<Body*>(data);
              check(worker >= 0 && worker < 4, "worker");
              b->runs[static_cast<size_t>(task)]++;
              if (task == b->failing) throw std::runtime_error("task " + std::to_string(task));
            },
            &body);
      } catch (const std::runtime_error& error) {
        thrown = true;
        check(error.what() == "task " + std::to_string(body.failing), "the failure is the body's");
      }
      check(thrown == fails, "a failure in a body is thrown once");
      for (const int runs : body.runs) check(runs == 1 || (fails && runs == 0), "each task runs once");
    }
  });
}

void streams(int rounds) {
  on_threads(4, [rounds](int caller) {
    Program program(1 + caller);
    std::mt19937 random(static_cast<unsigned>(caller));
    const int64_t n = 96;
    const auto weight = program.make(DType::float32, {n, n});
    program.set_weight(weight);
    for (int round = 0; round < rounds; round++) {
      const auto value = static_cast<float>(1 + random() % 5);
      program.upload(weight, std::vector<float>(static_cast<size_t>(n * n), value));
      const auto x = program.make(DType::float32, {n, n});
      const auto y = program.make(DType::float32, {n, n});
      const auto z = program.make(DType::float32, {n, n});
      const auto ids = program.make(DType::int32, {2});
      const auto rows = program.make(DType::float32, {2, n});
      const bool fails = random() % 3 == 0;
      program.call("fill", {&x}, {1});
      program.call("linearForward", {&y, &x, &weight, nullptr});
      program.call("linearForward", {&z, &y, &weight, nullptr});  // a packed copy is used again
      program.upload(ids, std::vector<int32_t>{0, fails ? 1000 : 1});
      program.call("embeddingForward", {&rows, &z, &ids});
      auto good = program.read(z, n);
      auto either = program.read(rows, 2 * n);

      // A weight that products pack, in the midst of which its rows are wanted.
      const auto fresh = program.make(DType::float32, {n, n});
      program.set_weight(fresh);
      program.upload(fresh, std::vector<float>(static_cast<size_t>(n * n), value));
      program.call("linearForward", {&y, &x, &fresh, nullptr});
      program.upload(ids, std::vector<int32_t>{3, 5});
      program.call("embeddingForward", {&rows, &fresh, &ids});
      if (random() % 2) program.call("affine", {&fresh, &fresh}, {2, 0});
      program.call("linearForward", {&z, &x, &fresh, nullptr});
      program.call("gather", {&rows, &fresh, &ids});
      auto packed = program.read(y, n);
      auto unpacked = program.read(rows, 2 * n);

      for (const auto* array : {&x, &y, &z, &ids, &rows, &fresh}) program.release(*array);
      if (round % 7) continue;  // several rounds are queued before somebody waits
      for (const float got : packed.get().values) check(got == static_cast<float>(n) * value, "a packed weight");
      for (const float got : unpacked.get().values) check(got == value || got == 2 * value, "its rows");
      const float expected = static_cast<float>(n) * value * static_cast<float>(n) * value;
      const Program::Result product = good.get();
      for (const float got : product.values) check(got == expected, "a product");
      const Program::Result looked_up = either.get();
      check(looked_up.failure.empty() == !fails, "a failure reaches its reader");
      if (fails) check(looked_up.failure.find("[embeddingForward] id 1000 at place 1") == 0, looked_up.failure);
      check(program.stats().current <= 64 * 1024, "memory comes back");
    }
  });
}

// y = (x · wᵀ) · wᵀ of two rows of equal numbers, kept once and replayed; the weight is written anew now and then, which
// moves it, so that a graph is no longer current.
void graphs(int rounds) {
  on_threads(4, [rounds](int caller) {
    Program program(1 + caller);
    std::mt19937 random(static_cast<unsigned>(caller));
    const int64_t n = 96;
    const auto weight = program.make(DType::float32, {n, n});
    program.set_weight(weight);
    const auto x = program.make(DType::float32, {2, n});
    const auto hidden = program.make(DType::float32, {2, n});
    const auto y = program.make(DType::float32, {2, n});
    float of_weight = 1;
    const auto write = [&](const Program::Array& array, float value) {
      program.upload(array, std::vector<float>(static_cast<size_t>(array.shape[0] * n), value));
    };
    write(weight, of_weight);
    std::shared_ptr<Graph> graph;
    for (int round = 0; round < rounds; round++) {
      if (random() % 8 == 0) write(weight, of_weight = static_cast<float>(1 + random() % 3));
      const auto value = static_cast<float>(1 + random() % 5);
      write(x, value);
      if (graph && (random() % 16 == 0 || !program.run_graph(graph))) program.drop_graph(std::move(graph));
      if (!graph) {
        const int way_out = static_cast<int>(random() % 4);  // two of them give the graph up
        program.begin_graph();
        program.call("linearForward", {&hidden, &x, &weight, nullptr});
        if (way_out == 0) program.read(hidden, n);
        program.call("linearForward", {&y, &hidden, &weight, nullptr});
        if (way_out == 1) program.give_up_graph();
        graph = program.end_graph();
        check((graph == nullptr) == (way_out < 2), "a graph that was given up is none");
      }
      auto result = program.read(y, 2 * n);
      if (round % 5) continue;
      const float expected = value * static_cast<float>(n) * of_weight * static_cast<float>(n) * of_weight;
      for (const float got : result.get().values) check(got == expected, "what a graph computes");
    }
  });
}

void endings(int rounds) {
  on_threads(3, [rounds](int caller) {
    for (int round = 0; round < rounds; round++) {
      Program program(2);
      const auto x = program.make(DType::float32, {128, 128});
      const auto y = program.make(DType::float32, {128, 128});
      program.call("fill", {&x}, {1});
      if (round % 3 == 0) program.begin_graph();  // which nobody ends
      for (int i = 0; i < 20; i++) program.call("matmul", {&y, &x, &x});
      if ((round + caller) % 2) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
}

void timed(const char* name, const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("  %-8s %.1f s\n", name, seconds.count());
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  const int scale = count > 1 ? std::atoi(arguments[1]) : 10;
  timed("pool", [=] { pool(500 * scale); });
  timed("streams", [=] { streams(20 * scale); });
  timed("graphs", [=] { graphs(100 * scale); });
  timed("endings", [=] { endings(10 * scale); });
}
