// A kernel's call with its arguments by value.
#pragma once

#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "../kernels.h"
#include "../runtime/kernel_call.h"
#include "arguments.h"

namespace ettin {

// "[32,64] float32": how a failure describes an argument.
std::string describe(const View& view);

template <class... A>
class KernelTask final : public KernelCall {
 public:
  using Function = void (*)(Context&, A...);
  KernelTask(const char* name, Function function, std::tuple<A...> arguments, Touched touched)
      : KernelCall(name, std::move(touched)), function_(function), arguments_(std::move(arguments)) {}

 private:
  void compute(Context& context) const override {
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
  std::unique_ptr<KernelCall> (*make)(const char* name, const Kernels& kernels, Reader& reader);
};

template <auto field>
struct Bound;
template <class... A, void (*Kernels::*field)(Context&, A...)>
struct Bound<field> {
  static std::string signature() { return {Argument<A>::letter...}; }
  static std::unique_ptr<KernelCall> make(const char* name, const Kernels& kernels, Reader& reader) {
    Touched touched;
    touched.lists.reserve(sizeof...(A));                                // lists are pointed to: they must not move
    std::tuple<A...> arguments{Argument<A>::take(reader, touched)...};  // braces: left to right
    return std::make_unique<KernelTask<A...>>(name, kernels.*field, std::move(arguments), std::move(touched));
  }
};

const std::vector<Entry>& entries();

}  // namespace ettin
