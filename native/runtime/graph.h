// Kernel calls that are kept and run again and again as one task: a step whose shapes and memory stay the same, with
// other values in its inputs. The CPU runs the calls one by one, so that only queueing them is saved; on a GPU they
// become a CUDA graph, one launch.
//
// The JavaScript side (packages/core/src/backend/graphs.ts) keeps the storages that a graph touches for as long as it
// lives. Weights may still change their form (weight_form.h), which moves them: then the graph is no longer current.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "kernel_call.h"

namespace ettin {

class Graph {
 public:
  explicit Graph(Stream& stream) : stream_(stream) {}
  ~Graph();
  Graph(const Graph&) = delete;

  // On the JavaScript thread.
  void add(std::unique_ptr<KernelCall> call);
  bool touches(const Storage* storage) const { return places_.count(storage) != 0; }
  bool is_current() const;  // whether everything lies where it lay
  std::vector<std::unique_ptr<KernelCall>> take_calls() { return std::move(calls_); }

  int64_t size() const { return static_cast<int64_t>(calls_.size()); }

  // On the executor. The calls have the numbers from `first` on; `ran` says of each whether it ran.
  void run(Context& context, int64_t first, std::vector<bool>& ran);
  void settle(Replay& replay, int64_t first, const std::vector<bool>& ran) const;

 private:
  struct Place {
    const void *rows, *packed;
  };
  static Place place_of(const Storage& storage) { return {storage.data, storage.form.data}; }

  void run_calls(Context& context, int64_t first, std::vector<bool>& ran) const;
  bool run_captured(Context& context, int64_t first);
  void capture(Context& context);
  void drop_captured();

  Stream& stream_;
  std::vector<std::unique_ptr<KernelCall>> calls_;
  std::unordered_map<const Storage*, Place> places_;

  // Of a GPU, on the executor.
  void* captured_ = nullptr;
  void* scratch_ = nullptr;
  int64_t scratch_bytes_ = 0;
  int64_t stale_copies_ = 0;  // of the allocator, when it was captured: later ones may be this graph's
  int runs_ = 0;              // since it was captured last, or refused
  int refusals_ = 0;
};

class GraphTask final : public Task {
 public:
  explicit GraphTask(std::shared_ptr<Graph> graph) : graph_(std::move(graph)) {}
  void run(Context& context) override { graph_->run(context, sequence, ran_); }
  void replay(Replay& replay) override { graph_->settle(replay, sequence, ran_); }
  int64_t numbers() const override { return graph_->size(); }

 private:
  std::shared_ptr<Graph> graph_;
  std::vector<bool> ran_;
};

}  // namespace ettin
