// The first include of every file in this folder: kernel.h, and work split among threads. binding.gyp compiles the
// folder once per instruction-set level.
#pragma once

#include "../kernel.h"

namespace ettin::ETTIN_LEVEL {

// body(task, worker) for each task in [0, tasks); see run_parallel for what a body may rely on.
template <class Body>
void parallel_for(Context& context, int64_t tasks, const Body& body) {
  if (tasks <= 0) return;
  run_parallel(
      context, tasks, [](void* b, int64_t task, int worker) { (*static_cast<const Body*>(b))(task, worker); },
      const_cast<Body*>(&body));
}

// body(begin, end) over [0, n) in pieces of `grain`, a number that may depend on shapes but never on the
// number of threads: pieces decide the order of sums.
template <class Body>
void parallel_chunks(Context& context, int64_t n, int64_t grain, const Body& body) {
  parallel_for(context, ceil_div(n, grain), [&](int64_t task, int) { body(task * grain, min(n, (task + 1) * grain)); });
}

}  // namespace ettin::ETTIN_LEVEL
