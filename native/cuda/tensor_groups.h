// A list of tensors for one launch: addresses and sizes go to the kernel as its arguments, some tens at a time, because
// nothing of the host's memory may be read when the kernel runs. Each tensor is cut into chunks, a block each; chunks
// depend on the shapes alone, and so do sums over them.
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

// `arrays` lists of equal length and shapes, up to `most` tensors of them; below the 4 KB that arguments may take.
template <int arrays, int most>
struct TensorGroup {
  void* data[arrays][most];
  int64_t size[most];
  int first_block[most + 1];
  int8_t half[most];  // whether the first list's tensor is bfloat16
  int count = 0;
  int64_t chunk;   // elements of a block
  int64_t before;  // blocks of the groups before this one
  int first;       // the first tensor's place in the list

  struct Part {
    int tensor;
    int64_t begin, size;
  };
  // The tensor of a block, and which elements of it.
  __device__ __forceinline__ Part part(int block) const {
    int low = 0, high = count - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (first_block[middle] <= block) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    const int64_t begin = (block - first_block[low]) * chunk;
    return {low, begin, min(chunk, size[low] - begin)};
  }
  template <class T>
  __device__ __forceinline__ T* at(int array, const Part& p) const {
    return static_cast<T*>(data[array][p.tensor]) + p.begin;
  }
};

inline int64_t blocks_of(int64_t tensors, const View* items, int64_t chunk) {
  int64_t blocks = 0;
  for (int64_t t = 0; t < tensors; t++) blocks += ceil_div(size_of(items[t]), chunk);
  return blocks;
}

// body(group, blocks) for the tensors of lists[0 … arrays-1], in order.
template <int arrays, int most, class Body>
void each_group(int64_t tensors, const View* const (&lists)[arrays], int64_t chunk, const Body& body) {
  TensorGroup<arrays, most> group;
  group.chunk = chunk;
  group.before = 0;
  int64_t blocks = 0;
  const auto flush = [&] {
    if (group.count > 0) body(static_cast<const TensorGroup<arrays, most>&>(group), blocks);
    group.before += blocks;
    group.count = 0;
    blocks = 0;
  };
  for (int64_t t = 0; t < tensors; t++) {
    const int64_t size = size_of(lists[0][t]), more = ceil_div(size, chunk);
    if (group.count == most || blocks + more > 0x7fffffff) flush();
    const int at = group.count++;
    if (at == 0) group.first = static_cast<int>(t);
    for (int a = 0; a < arrays; a++) group.data[a][at] = lists[a][t].data;
    group.size[at] = size;
    group.half[at] = lists[0][t].dtype == DType::bfloat16;
    group.first_block[at] = static_cast<int>(blocks);
    blocks += more;
    group.first_block[at + 1] = static_cast<int>(blocks);
  }
  flush();
}

// Over a block of up to 1024 threads, always added in the same order; every thread gets the result.
__device__ __forceinline__ double block_sum(double x) {
  __shared__ double parts[warp];
  const int lane = static_cast<int>(threadIdx.x) % warp, number = static_cast<int>(threadIdx.x) / warp;
  x = warp_sum(x);
  if (lane == 0) parts[number] = x;
  __syncthreads();
  x = warp_sum(lane < static_cast<int>(blockDim.x) / warp ? parts[lane] : 0.0);
  __syncthreads();
  return x;
}

}  // namespace ettin::ETTIN_LEVEL
