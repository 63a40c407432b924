// A kernel call in the stream: what it touches, and the rules about failures.
#pragma once

#include <string>
#include <vector>

#include "stream.h"

namespace ettin {

// What a call keeps of its arguments besides their values: whose failure stops it, and whom it would write.
struct Touched {
  std::vector<Storage*> reads;
  std::vector<Storage*> writes;
  std::vector<std::vector<View>> lists;  // what Views and InOuts point to

  void read(const View& v) {
    if (v.storage) reads.push_back(v.storage);
  }
  void write(const View& v) {
    if (v.storage) writes.push_back(v.storage);
  }
};

class KernelCall : public Task {
 public:
  KernelCall(const char* name, Touched touched) : name_(name), touched_(std::move(touched)) {}

  void run(Context& context) final { ran_ = execute(context, sequence); }
  void replay(Replay& replay) final { settle(replay, sequence, ran_); }

  // As one of a graph's calls (graph.h), under a number of that run. False where it was skipped: what it reads, or its
  // own arguments, are bad, and what it would write has the mark.
  bool execute(Context& context, int64_t number);
  // Where the kernel ran on what a fault has spoilt, or raised one, its outputs are marked; where it went well, they
  // are new; where it did not run, they have their mark already.
  void settle(Replay& replay, int64_t number, bool ran) const;

  // The kernel alone: no marks. Throws.
  void launch(Context& context, int64_t number) const;
  Failure failure_of_inputs() const;
  void mark_outputs(Context& context, const Failure& failure) const;
  const Touched& touched() const { return touched_; }

 protected:
  virtual void compute(Context& context) const = 0;
  virtual std::string arguments() const = 0;

 private:
  Failure failed(const std::string& why) const;

  const char* name_;
  Touched touched_;
  bool ran_ = false;
};

}  // namespace ettin
