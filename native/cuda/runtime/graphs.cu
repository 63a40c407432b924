#include "graphs.h"

#include "../level.h"
#include "context.h"

namespace ettin {

namespace {

__global__ void write_number(int64_t* to, int64_t number) {
  if (threadIdx.x == 0) *to = number;
}

}  // namespace

// Of this thread alone: downloads are waited for on another one meanwhile.
void begin_capture(Context& context) {
  cuda::check(cudaStreamBeginCapture(context.stream, cudaStreamCaptureModeThreadLocal), "capture");
  context.capturing = true;
}

void* end_capture(Context& context, bool kept) {
  if (!context.capturing) return nullptr;  // it has not begun
  context.capturing = false;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t runs = nullptr;
  const bool whole = cudaStreamEndCapture(context.stream, &graph) == cudaSuccess && graph;
  if (whole && kept && cudaGraphInstantiate(&runs, graph, 0) != cudaSuccess) runs = nullptr;
  if (graph) cudaGraphDestroy(graph);
  cudaGetLastError();  // a capture that failed harms nothing else
  return runs;
}

void launch_graph(Context& context, void* graph, int64_t first) {
  cuda::launch(context, write_number, dim3(1), dim3(cuda::warp), 0, &context.numbers->first_launch, first);
  cuda::check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), context.stream), "launch a graph");
}

void drop_graph(Context& context, void* graph) {
  cudaSetDevice(context.gpu);
  cudaStreamSynchronize(context.stream);
  cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
}

}  // namespace ettin
