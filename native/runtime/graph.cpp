#include "graph.h"

#include <exception>
#include <utility>

#include "gpu.h"

namespace ettin {

namespace {

// Before a graph is captured: the first run makes plans of products and copies of weights, the second says how much
// scratch they need.
constexpr int runs_before_capture = 2;
constexpr int most_refusals = 3;

}  // namespace

Graph::~Graph() { drop_captured(); }

void Graph::add(std::unique_ptr<KernelCall> call) {
  for (const Storage* storage : call->touched().reads) places_.emplace(storage, place_of(*storage));
  for (const Storage* storage : call->touched().writes) places_.emplace(storage, place_of(*storage));
  calls_.push_back(std::move(call));
}

bool Graph::is_current() const {
  for (const auto& [storage, was] : places_) {
    const Place now = place_of(*storage);
    if (now.rows != was.rows || now.packed != was.packed) return false;
  }
  return true;
}

void Graph::run(Context& context, int64_t first, std::vector<bool>& ran) {
  ran.assign(calls_.size(), true);
  if (!context.gpu || !run_captured(context, first)) run_calls(context, first, ran);
}

void Graph::run_calls(Context& context, int64_t first, std::vector<bool>& ran) const {
  for (size_t i = 0; i < calls_.size(); i++) ran[i] = calls_[i]->execute(context, first + static_cast<int64_t>(i));
}

void Graph::settle(Replay& replay, int64_t first, const std::vector<bool>& ran) const {
  for (size_t i = 0; i < ran.size(); i++) calls_[i]->settle(replay, first + static_cast<int64_t>(i), ran[i]);
}

// False: the calls have to be run one by one.
bool Graph::run_captured(Context& context, int64_t first) {
  if (captured_ && stale_copies_ != stream_.allocator.stale_copies) drop_captured();
  for (const auto& call : calls_) {
    if (call->failure_of_inputs()) return false;
  }
  if (!captured_) capture(context);
  if (!captured_) return false;
  Failure failure;
  try {
    context.gpu->library.launch_graph(context.gpu->context(), captured_, first);
  } catch (const std::exception& error) {
    failure = std::make_shared<const std::string>(std::string("[graph] ") + error.what());
  }
  for (const auto& call : calls_) call->mark_outputs(context, failure);
  return true;
}

// Leaves `captured_` null where it is too early, or the GPU does not do it.
void Graph::capture(Context& context) {
  if (refusals_ >= most_refusals || stream_.allocator.exact) return;
  if (runs_++ < runs_before_capture) return context.begin_measure();
  const CudaLibrary& library = context.gpu->library;
  Context& on_gpu = context.gpu->context();
  scratch_bytes_ = context.measured_scratch();
  if (scratch_bytes_ > 0) scratch_ = stream_.allocator.take_system(scratch_bytes_);
  if (scratch_bytes_ == 0 || scratch_) {
    stream_.allocator.scratch += scratch_bytes_;
    context.lend(scratch_, scratch_bytes_);
    try {
      library.begin_capture(on_gpu);
      int64_t number = 0;
      for (const auto& call : calls_) call->launch(context, number++);
      captured_ = library.end_capture(on_gpu, true);
    } catch (const std::exception&) {  // whoever runs the calls one by one is told, if that fails too
      library.end_capture(on_gpu, false);
    }
    context.lend(nullptr, -1);
    stale_copies_ = stream_.allocator.stale_copies;
  }
  if (captured_) return;
  refusals_++;
  drop_captured();
}

void Graph::drop_captured() {
  if (captured_) stream_.gpu->library.drop_graph(stream_.gpu->context(), captured_);
  if (scratch_) {
    stream_.allocator.give_system(scratch_, scratch_bytes_);
    stream_.allocator.scratch -= scratch_bytes_;
  }
  captured_ = scratch_ = nullptr;
  runs_ = 0;
}

}  // namespace ettin
