/*
rotary: turns pairs of channels by an angle that grows with the token's position.

  y[t,h,j]       = x[t,h,j] * cos[p,j] - x[t,h,j+D/2] * sin[p,j]        j < D/2
  y[t,h,j+D/2]   = x[t,h,j+D/2] * cos[p,j] + x[t,h,j] * sin[p,j]        p = starts[b] + t - offsets[b]

  x, y [T,H,D], x strided in T and H   cos, sin [P,D/2] float32   starts [B] int32, else 0

`inverse` turns back: it is also the gradient. A block takes a few rows, finds their positions once, and its threads
take as many pairs of channels as lie in 16 bytes.
*/
#include "turn_rows.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int block_rows = 16, block_threads = 256;  // with 4 heads of 64 each thread has a piece of bfloat16

template <class Real, int n>
struct alignas(n * sizeof(Real)) Few {
  Real item[n];
};

template <class Real, int n>
__global__ void __launch_bounds__(block_threads) turn_kernel(Turn a) {
  __shared__ int positions[block_rows];
  const int thread = static_cast<int>(threadIdx.x), first = static_cast<int>(blockIdx.x) * block_rows;
  const bool checked = a.cos != nullptr, turns = checked && a.positions > 0;
  if (checked && blockIdx.x == 0) {
    check_offsets(a.offset_faults, a.offsets, a.sequences, a.rows);
    check_positions(a.position_fault, a.offsets, a.sequences, a.starts, a.positions);
  }
  if (turns && thread < block_rows && first + thread < a.rows) {
    const int t = first + thread, b = sequence_of(a.offsets, a.sequences, t);
    const int start = b < a.sequences && a.starts ? a.starts[b] : 0;
    const int position = b < a.sequences ? start + t - a.offsets[b] : 0;
    positions[thread] = min(max(position, 0), a.positions - 1);
  }
  __syncthreads();

  constexpr int together = n < 4 ? 1 : 4;  // angles
  const int half = a.dim / 2, pieces = half / n, row_pieces = a.heads * pieces;
  const int rows = min(block_rows, a.rows - first);
  for (int i = thread; i < rows * row_pieces; i += block_threads) {
    const int r = i / row_pieces, rest = i % row_pieces, head = rest / pieces, j = rest % pieces * n;
    const Real* x = head_at<Real>(a.x, first + r, head) + j;
    Real* y = head_at<Real>(a.y, first + r, head) + j;
    const auto low = *reinterpret_cast<const Few<Real, n>*>(x), high = *reinterpret_cast<const Few<Real, n>*>(x + half);
    Few<Real, n> low_out, high_out;
    const int64_t at = turns ? int64_t{positions[r]} * half + j : 0;
    Few<float, n> c = {}, s = {};
    if (turns) {
#pragma unroll
      for (int e = 0; e < n; e += together) {
        *reinterpret_cast<Few<float, together>*>(c.item + e) =
            *reinterpret_cast<const Few<float, together>*>(a.cos + at + e);
        *reinterpret_cast<Few<float, together>*>(s.item + e) =
            *reinterpret_cast<const Few<float, together>*>(a.sin + at + e);
      }
    }
#pragma unroll
    for (int e = 0; e < n; e++) {
      const float u = to_float(low.item[e]) * a.factor, v = to_float(high.item[e]) * a.factor;
      const float angle = a.inverse ? -s.item[e] : s.item[e];
      store(&low_out.item[e], turns ? fmaf(u, c.item[e], -(v * angle)) : u);
      store(&high_out.item[e], turns ? fmaf(v, c.item[e], u * angle) : v);
    }
    *reinterpret_cast<Few<Real, n>*>(y) = low_out;
    *reinterpret_cast<Few<Real, n>*>(y + half) = high_out;
  }
}

template <class Real, int n>
void start(Context& context, const Turn& turn) {
  // A block even where there is no row: offsets are checked all the same.
  const dim3 grid(static_cast<unsigned>(max<int64_t>(1, ceil_div(turn.rows, block_rows))));
  launch(context, turn_kernel<Real, n>, grid, dim3(block_threads), 0, turn);
}

}  // namespace

void turn_rows(Context& context, DType dtype, const Turn& turn) {
  const auto tables = reinterpret_cast<uintptr_t>(turn.cos) | reinterpret_cast<uintptr_t>(turn.sin);
  const bool whole = aligned(turn.x, dtype) && aligned(turn.y, dtype) && tables % 16 == 0;
  const int half = turn.dim / 2;
  if (dtype == DType::bfloat16) {
    if (whole && half % 8 == 0) return start<bf16, 8>(context, turn);
    if (whole && half % 4 == 0) return start<bf16, 4>(context, turn);
    return start<bf16, 1>(context, turn);
  }
  if (whole && half % 4 == 0) return start<float, 4>(context, turn);
  start<float, 1>(context, turn);
}

void rotary(Context& context, Out y, View x, View cos, View sin, View offsets, Optional starts, bool inverse) {
  Turn turn{};
  turn.y = head_rows(y);
  turn.x = head_rows(x);
  turn.rows = static_cast<int>(x.shape[0]);
  turn.heads = static_cast<int>(x.shape[1]);
  turn.dim = static_cast<int>(x.shape[2]);
  turn.factor = 1.0f;
  turn.cos = as<float>(cos);
  turn.sin = as<float>(sin);
  turn.positions = static_cast<int>(cos.shape[0]);
  turn.offsets = as<int32_t>(offsets);
  turn.starts = present(starts) ? as<int32_t>(starts) : nullptr;
  turn.sequences = static_cast<int>(offsets.shape[0] - 1);
  turn.inverse = inverse;
  turn.offset_faults = ETTIN_OFFSET_FAULTS(context, "offsets");
  turn.position_fault = position_fault(context);
  turn_rows(context, x.dtype, turn);
}

}  // namespace ettin::ETTIN_LEVEL
