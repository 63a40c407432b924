// CUDA graphs: a step's launches as one. See library.h.
#pragma once

#include <stdint.h>

namespace ettin {

struct Context;

void begin_capture(Context& context);
void* end_capture(Context& context, bool kept);
void launch_graph(Context& context, void* graph, int64_t first);
void drop_graph(Context& context, void* graph);

}  // namespace ettin
