// What a kernel may ask of the stream that runs it. Implemented in runtime/, built once for the
// baseline, and for GPUs in cuda/runtime/.
#pragma once

#include <stdint.h>

#include "../view.h"

namespace ettin {

struct Context;  // one stream: an executor thread and its scratch memory

// Memory for one kernel call, aligned to 64 bytes, uninitialised, gone when the kernel returns.
// Call it from the kernel itself, not from inside a parallel body.
void* scratch(Context& context, int64_t bytes);

// Calls run(body, task, worker) for every task in [0, tasks) on the compute threads and returns when all
// are done. Tasks are claimed in any order by any worker (0 <= worker < workers(context)): a result must
// depend on the task alone. A failure inside a body is thrown again here.
void run_parallel(Context& context, int64_t tasks, void (*run)(void* body, int64_t task, int worker), void* body);

int workers(Context& context);

// A packed copy of a weight, kept beside its storage until somebody writes the storage. Null where none is kept,
// because the storage is not a parameter, or because it is written as often as it is read: pack into scratch then.
// `*filled` says whether the copy is already there; if not, fill all `bytes` of it before the kernel returns. `kind`
// tells packings apart.
void* packed_copy(Context& context, const View& weight, int kind, int64_t bytes, bool* filled);

// Ends the kernel with an error that reaches whoever reads its outputs: printf-style text that says what
// is wrong, with the numbers, and the way out. The op's name is put in front of it.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace ettin
