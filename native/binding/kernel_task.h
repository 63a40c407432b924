// A kernel call in the queue: its arguments by value, and the rules about failures.
#pragma once

#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "../kernels.h"
#include "../runtime/gpu.h"
#include "../runtime/stream.h"
#include "arguments.h"

namespace ettin {

// "[32,64] float32": how a failure describes an argument.
std::string describe(const View& view);

class TouchingTask : public Task {
 public:
  TouchingTask(const char* name, Touched touched) : name_(name), touched_(std::move(touched)) {}

  void run(Context& context) final {
    for (const Storage* storage : touched_.reads) {
      if (!storage->failure) continue;
      const Failure failure = storage->failure;
      for (Storage* written : touched_.writes) written->failure = failure;
      return;
    }
    try {
      context.begin_kernel(sequence);
      compute(context);
      ran_ = true;
      for (Storage* storage : touched_.writes) {
        storage->failure = nullptr;
        mark_written(context.stream.allocator, *storage);
      }
    } catch (const std::exception& error) {
      const Failure failure = failed(error.what());
      for (Storage* storage : touched_.writes) {
        storage->failure = failure;
        mark_written(context.stream.allocator, *storage);
      }
      for (Storage* storage : touched_.reads)
        mark_written(context.stream.allocator, *storage);  // a packed copy may be half made
    }
    context.end_kernel();
  }

  // Where the kernel ran on what a fault has spoilt, or raised one, its outputs are marked; where it went well, they
  // are new; where it did not run, they have their mark already.
  void replay(Replay& replay) final {
    Failure failure;
    for (Storage* storage : touched_.reads) {
      if (ran_ && !failure) failure = replay.failure_of(storage);
    }
    const std::string fault = ran_ && !failure ? replay.fault_of(sequence) : "";
    if (!fault.empty()) failure = failed(fault);
    for (Storage* written : touched_.writes) replay.set(written, failure);
  }

 protected:
  virtual void compute(Context& context) = 0;
  virtual std::string arguments() const = 0;

 private:
  Failure failed(const std::string& why) const {
    return std::make_shared<const std::string>(std::string("[") + name_ + "] " + why + " (arguments: " + arguments() +
                                               ")");
  }

  const char* name_;
  Touched touched_;
  bool ran_ = false;
};

template <class... A>
class KernelTask final : public TouchingTask {
 public:
  using Function = void (*)(Context&, A...);
  KernelTask(const char* name, Function function, std::tuple<A...> arguments, Touched touched)
      : TouchingTask(name, std::move(touched)), function_(function), arguments_(std::move(arguments)) {}

 private:
  void compute(Context& context) override {
    if (!function_) fail("the CUDA library was built without this kernel. Build it again: npm run build:cuda");
    std::apply([&](const A&... a) { function_(context.for_kernels(), a...); }, arguments_);
  }
  std::string arguments() const override {
    std::string text;
    const auto add = [&](const auto& a) {
      if constexpr (std::is_base_of_v<View, std::decay_t<decltype(a)>>) {
        if (a.storage) text += (text.empty() ? "" : ", ") + describe(a);
      }
    };
    std::apply([&](const A&... a) { (add(a), ...); }, arguments_);
    return text;
  }

  Function function_;
  std::tuple<A...> arguments_;
};

// One row of the table that JavaScript sees.
struct Entry {
  std::string name;       // camelCase
  std::string signature;  // arguments.h
  std::unique_ptr<Task> (*make)(const char* name, const Kernels& kernels, Reader& reader);
};

template <auto field>
struct Bound;
template <class... A, void (*Kernels::*field)(Context&, A...)>
struct Bound<field> {
  static std::string signature() { return {Argument<A>::letter...}; }
  static std::unique_ptr<Task> make(const char* name, const Kernels& kernels, Reader& reader) {
    Touched touched;
    touched.lists.reserve(sizeof...(A));                                // lists are pointed to: they must not move
    std::tuple<A...> arguments{Argument<A>::take(reader, touched)...};  // braces: left to right
    return std::make_unique<KernelTask<A...>>(name, kernels.*field, std::move(arguments), std::move(touched));
  }
};

const std::vector<Entry>& entries();

}  // namespace ettin
