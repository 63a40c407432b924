// Up to 1024 numbers are ranked by comparing each with all. More go through a radix sort, least digit first: each block
// counts its digits, then puts its share where the counts of all blocks say.
#include "row_order.h"

#include "votes.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int radix_bits = 8, digits = 1 << radix_bits, order_threads = digits;
constexpr int order_warps = order_threads / warp;
constexpr int64_t few_numbers = 1024, most_order_blocks = 64;

__global__ void __launch_bounds__(order_threads)
    rank_numbers(int32_t* order, int32_t* sorted, const int32_t* numbers, int64_t T, int64_t V, Fault outside) {
  __shared__ int32_t tile[order_threads];
  const int64_t mine = thread_of_grid();
  const int number = mine < T ? checked(numbers, mine, V, outside) : 0;
  int64_t rank = 0;
  for (int64_t begin = 0; begin < T; begin += order_threads) {
    const int64_t i = begin + threadIdx.x;
    const int count = static_cast<int>(min(T - begin, int64_t{order_threads}));
    __syncthreads();
    if (i < T) tile[threadIdx.x] = numbers[i] >= 0 && numbers[i] < V ? numbers[i] : 0;
    __syncthreads();
    for (int k = 0; k < count; k++) rank += tile[k] < number || (tile[k] == number && begin + k < mine);
  }
  if (mine >= T) return;
  order[rank] = static_cast<int32_t>(mine);
  sorted[rank] = number;
}

// A block's share: `share` numbers from blockIdx.x * share on, each warp a run of them.
struct Numbers {
  const int32_t *numbers, *order;  // order: null where they stand as they came
  int64_t T, share;
  int shift;
};

// counts [blocks, digits]
__global__ void __launch_bounds__(order_threads)
    count_digits(int32_t* counts, Numbers from, int32_t* checked_numbers, int64_t V, Fault outside) {
  __shared__ int count[digits];
  count[threadIdx.x] = 0;
  __syncthreads();
  const int64_t begin = int64_t{blockIdx.x} * from.share, end = min(from.T, begin + from.share);
  for (int64_t i = begin + threadIdx.x; i < end; i += order_threads) {
    int number;
    if (checked_numbers) {
      number = checked(from.numbers, i, V, outside);
      checked_numbers[i] = number;
    } else {
      number = from.numbers[i];
    }
    atomicAdd(&count[number >> from.shift & (digits - 1)], 1);
  }
  __syncthreads();
  counts[int64_t{blockIdx.x} * digits + threadIdx.x] = count[threadIdx.x];
}

__global__ void __launch_bounds__(order_threads)
    place_numbers(int32_t* order, int32_t* sorted, Numbers from, const int32_t* counts) {
  __shared__ int next[order_warps][digits];  // where a warp's next number of a digit goes
  __shared__ int parts[order_warps];
  const int d = static_cast<int>(threadIdx.x), lane = d % warp, number = d / warp;
  for (int w = 0; w < order_warps; w++) next[w][d] = 0;

  // The first place of digit d: all of smaller digits, and those of d in the blocks before.
  int before = 0, all = 0;
#pragma unroll 8
  for (int b = 0; b < static_cast<int>(gridDim.x); b++) {
    const int c = counts[int64_t{b} * digits + d];
    if (b < static_cast<int>(blockIdx.x)) before += c;
    all += c;
  }
  int up_to = all;  // inclusive over the warp
#pragma unroll
  for (int distance = 1; distance < warp; distance *= 2) {
    const int lower = __shfl_up_sync(all_lanes, up_to, static_cast<unsigned>(distance));
    if (lane >= distance) up_to += lower;
  }
  if (lane == warp - 1) parts[number] = up_to;
  __syncthreads();
  int first = before + up_to - all;
  for (int w = 0; w < number; w++) first += parts[w];

  const int64_t run = ceil_div(from.share, order_warps), block = int64_t{blockIdx.x} * from.share;
  const int64_t begin = block + number * run;
  const int64_t end = min(from.T, min(block + from.share, begin + run));
  for (int64_t i = begin + lane; i < end; i += warp)
    atomicAdd(&next[number][from.numbers[i] >> from.shift & (digits - 1)], 1);
  __syncthreads();
  for (int w = 0; w < order_warps; w++) {
    const int c = next[w][d];
    next[w][d] = first;
    first += c;
  }
  __syncthreads();

  for (int64_t i = begin; i < end; i += warp) {  // 32 at a time
    const bool there = i + lane < end;
    const int value = there ? from.numbers[i + lane] : 0;
    const int digit = value >> from.shift & (digits - 1);
    const unsigned same = lanes_with<radix_bits>(static_cast<unsigned>(digit), there);
    const int rank = __popc(same & ((1u << lane) - 1));
    const int place = there ? next[number][digit] + rank : 0;
    __syncwarp();
    if (there && rank == 0) next[number][digit] += __popc(same);
    __syncwarp();
    if (there) {
      order[place] = from.order ? from.order[i + lane] : static_cast<int32_t>(i + lane);
      sorted[place] = value;
    }
  }
}

}  // namespace

RowOrder order_rows(Context& context, const int32_t* numbers, int64_t T, int64_t V, const Fault& outside) {
  const auto room = [&](int64_t n) { return static_cast<int32_t*>(scratch(context, n * 4)); };
  int32_t *order = room(T), *sorted = room(T);
  if (T <= few_numbers) {
    launch(context, rank_numbers, blocks_for(T, order_threads), dim3(order_threads), 0, order, sorted, numbers, T, V,
           outside);
    return {order, sorted};
  }
  const int64_t share = max(int64_t{1024}, round_up(ceil_div(T, most_order_blocks), order_threads));
  const int64_t blocks = ceil_div(T, share);
  int32_t *counts = room(blocks * digits), *other_order = room(T), *other = room(T), *first = room(T);
  const dim3 grid(static_cast<unsigned>(blocks)), block(order_threads);
  Numbers from{numbers, nullptr, T, share, 0};
  for (bool more = true; more;) {
    const bool raw = from.shift == 0;
    launch(context, count_digits, grid, block, 0, counts, from, raw ? first : nullptr, V, outside);
    if (raw) from.numbers = first;
    launch(context, place_numbers, grid, block, 0, order, sorted, from, counts);
    from = {sorted, order, T, share, from.shift + radix_bits};
    more = from.shift < 31 && (V - 1) >> from.shift > 0;
    if (!more) break;
    int32_t* const keep_order = order;
    int32_t* const keep_sorted = sorted;
    order = other_order;
    sorted = other;
    other_order = keep_order;
    other = keep_sorted;
  }
  return {order, sorted};
}

}  // namespace ettin::ETTIN_LEVEL
