#include "kernel_call.h"

#include <exception>
#include <memory>

#include "gpu.h"

namespace ettin {

namespace {

// Whatever a kernel throws, its scratch is free again.
struct KernelScope {
  KernelScope(Context& c, int64_t number) : context(c) { context.begin_kernel(number); }
  ~KernelScope() { context.end_kernel(); }
  Context& context;
};

}  // namespace

void KernelCall::launch(Context& context, int64_t number) const {
  const KernelScope scope(context, number);
  compute(context);
}

Failure KernelCall::failure_of_inputs() const {
  for (const Storage* storage : touched_.reads) {
    if (storage->failure) return storage->failure;
  }
  return nullptr;
}

void KernelCall::mark_outputs(Context& context, const Failure& failure) const {
  for (Storage* storage : touched_.writes) {
    storage->failure = failure;
    mark_written(context.stream.allocator, *storage);
  }
}

bool KernelCall::execute(Context& context, int64_t number) {
  if (const Failure failure = failure_of_inputs()) {
    for (Storage* written : touched_.writes) written->failure = failure;
    return false;
  }
  try {
    launch(context, number);
  } catch (const std::exception& error) {
    mark_outputs(context, failed(error.what()));
    for (Storage* storage : touched_.reads)
      mark_written(context.stream.allocator, *storage);  // a packed copy may be half made
    return false;
  }
  mark_outputs(context, nullptr);
  return true;
}

void KernelCall::settle(Replay& replay, int64_t number, bool ran) const {
  Failure failure;
  for (Storage* storage : touched_.reads) {
    if (ran && !failure) failure = replay.failure_of(storage);
  }
  const std::string fault = ran && !failure ? replay.fault_of(number) : "";
  if (!fault.empty()) failure = failed(fault);
  for (Storage* written : touched_.writes) replay.set(written, failure);
}

Failure KernelCall::failed(const std::string& why) const {
  return std::make_shared<const std::string>(std::string("[") + name_ + "] " + why + " (arguments: " + arguments() +
                                             ")");
}

}  // namespace ettin
