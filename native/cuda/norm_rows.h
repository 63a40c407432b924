// What layer_norm and rms_norm share where rows may be read 16 bytes at a time and are not too long: a row is read once
// and stays in registers, one warp or four to a row. The gradients of weights are sums over all rows: each block keeps
// those of its rows, and the blocks' are added in a second pass (column_sum.h).
#pragma once

#include "norm_any.h"

namespace ettin::ETTIN_LEVEL {

constexpr int norm_threads = 128;

// x[k] = the sum of all x[k] of the row's W warps, in one order.
template <int W, int K>
__device__ __forceinline__ void sum_over_row(float (&x)[K]) {
#pragma unroll
  for (int k = 0; k < K; k++) x[k] = warp_sum(x[k]);
  if constexpr (W > 1) {
    __shared__ float parts[W][K];
    const int number = static_cast<int>(threadIdx.x) / warp;
    if (threadIdx.x % warp == 0) {
#pragma unroll
      for (int k = 0; k < K; k++) parts[number][k] = x[k];
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < K; k++) {
      x[k] = parts[0][k];
#pragma unroll
      for (int w = 1; w < W; w++) x[k] += parts[w][k];
    }
    __syncthreads();
  }
}

// P packs to a lane, W warps to a row.
template <class X, int P, int W, bool centered>
__global__ void __launch_bounds__(norm_threads) norm_forward_rows(NormForward<X> a) {
  constexpr int N = Pack<X>::size, lanes = warp * W;
  const int lane = static_cast<int>(threadIdx.x) % lanes, packs = a.C / N;
  const int64_t t = int64_t{blockIdx.x} * (norm_threads / lanes) + threadIdx.x / lanes;
  if (t >= a.T) return;  // whole warps; where a row has several the grid fits
  Run<X, N> raw[P];
#pragma unroll
  for (int p = 0; p < P; p++) {
    if (lane + p * lanes < packs) raw[p] = load_run<N>(a.x + t * a.C + (lane + p * lanes) * N);
  }
  if (a.residual) {
    Run<X, N> more[P];
#pragma unroll
    for (int p = 0; p < P; p++) {
      if (lane + p * lanes < packs) more[p] = load_run<N>(a.residual + t * a.C + (lane + p * lanes) * N);
    }
#pragma unroll
    for (int p = 0; p < P; p++) {
      if (lane + p * lanes >= packs) continue;
      float v[N], r[N];
      widen(v, raw[p]);
      widen(r, more[p]);
#pragma unroll
      for (int j = 0; j < N; j++) v[j] += r[j];
      raw[p] = to_run<X>(v);
      *reinterpret_cast<Run<X, N>*>(a.sum + t * a.C + (lane + p * lanes) * N) = raw[p];
    }
  }

  float v[P][N], mean = 0.0f, total[1] = {0.0f};
#pragma unroll
  for (int p = 0; p < P; p++) {
    if (lane + p * lanes >= packs) continue;
    widen(v[p], raw[p]);
    if constexpr (centered) {
#pragma unroll
      for (int j = 0; j < N; j++) total[0] += v[p][j];
    }
  }
  if constexpr (centered) {
    sum_over_row<W>(total);
    mean = total[0] / static_cast<float>(a.C);
    total[0] = 0.0f;
  }
#pragma unroll
  for (int p = 0; p < P; p++) {
    if (lane + p * lanes >= packs) continue;
#pragma unroll
    for (int j = 0; j < N; j++) {
      if constexpr (centered) v[p][j] -= mean;
      total[0] = fmaf(v[p][j], v[p][j], total[0]);
    }
  }
  sum_over_row<W>(total);
  const float rstd = reciprocal_std(total[0] / static_cast<float>(a.C), a.eps);
  if (lane == 0) {
    if constexpr (centered) a.mean[t] = mean;
    a.rstd[t] = rstd;
  }
#pragma unroll
  for (int p = 0; p < P; p++) {
    const int c = (lane + p * lanes) * N;
    if (lane + p * lanes >= packs) continue;
    float w[N], b[N];
    a.weight.read(w, c);
    if constexpr (centered) a.bias.read(b, c);
#pragma unroll
    for (int j = 0; j < N; j++) v[p][j] = norm_output<centered>(v[p][j], rstd, w[j], centered ? b[j] : 0.0f);
    write_values(a.y + t * a.C + c, v[p]);
  }
}

// Blocks at once on a multiprocessor: as many as have registers for P packs of dy, s, dsum and of sums. They keep 40 KB
// and more on their way from memory.
constexpr int norm_residency(int P, bool biased) {
  return P == 1 ? 7 : biased ? (P == 4 ? 2 : 6 - P) : (P == 2 ? 5 : 7 - P);
}

// Blocks of backward: what 132 multiprocessors hold at once, and at least 8 rows, or 4 long ones, to a partial sum.
inline int64_t norm_blocks(int64_t T, int P, int W, bool biased) {
  return max(min(int64_t{132} * norm_residency(P, biased), ceil_div(T, W == 1 ? 8 : 4)), int64_t{1});
}

template <class X, int P, int W, bool centered, bool biased>
__global__ void __launch_bounds__(norm_threads, norm_residency(P, biased)) norm_backward_rows(NormBackward<X> a) {
  constexpr int N = Pack<X>::size, lanes = warp * W, R = norm_threads / lanes;
  const int lane = static_cast<int>(threadIdx.x) % lanes, row = static_cast<int>(threadIdx.x) / lanes;
  const int packs = a.C / N;
  float dw[P][N] = {}, db[biased ? P : 1][N] = {};
  for (int64_t t = int64_t{blockIdx.x} * R + row; t < a.T; t += int64_t{gridDim.x} * R) {
    Run<X, N> dy[P], s[P], dsum[P];
#pragma unroll
    for (int p = 0; p < P; p++) {
      if (lane + p * lanes >= packs) continue;
      const int64_t at = t * a.C + (lane + p * lanes) * N;
      dy[p] = load_run<N>(a.dy + at);
      s[p] = load_run<N>(a.s + at);
      if (a.dsum) dsum[p] = load_run<N>(a.dsum + at);
    }
    const float mean = centered ? a.mean[t] : 0.0f, rstd = a.rstd[t];
    float sums[2] = {0.0f, 0.0f};  // of g, of g n
#pragma unroll
    for (int p = 0; p < P; p++) {
      if (lane + p * lanes >= packs) continue;
      float d[N], n[N], w[N];
      widen(d, dy[p]);
      widen(n, s[p]);
      a.weight.read(w, (lane + p * lanes) * N);
#pragma unroll
      for (int j = 0; j < N; j++) {
        n[j] = centered ? (n[j] - mean) * rstd : n[j] * rstd;
        const float g = d[j] * w[j];
        sums[0] += g;
        sums[1] = fmaf(g, n[j], sums[1]);
        dw[p][j] = fmaf(d[j], n[j], dw[p][j]);
        if constexpr (biased) db[p][j] += d[j];
      }
    }
    sum_over_row<W>(sums);
    const float level = centered ? sums[0] / static_cast<float>(a.C) : 0.0f;
    const float along = sums[1] / static_cast<float>(a.C);
#pragma unroll
    for (int p = 0; p < P; p++) {
      if (lane + p * lanes >= packs) continue;
      const int c = (lane + p * lanes) * N;
      float d[N], n[N], w[N], more[N];
      widen(d, dy[p]);
      widen(n, s[p]);
      a.weight.read(w, c);
      if (a.dsum) widen(more, dsum[p]);
#pragma unroll
      for (int j = 0; j < N; j++) {
        n[j] = centered ? (n[j] - mean) * rstd : n[j] * rstd;
        d[j] = norm_gradient<centered>(d[j] * w[j], n[j], rstd, level, along);
        if (a.dsum) d[j] += more[j];
      }
      write_values(a.dx + t * a.C + c, d);
    }
  }
  if (!a.dw) return;

  // The block's rows side by side, then one sum for each channel.
  __shared__ float parts[R > 1 ? R - 1 : 1][P * N][warp];
  const auto put = [&](float* to, float(&sum)[P][N]) {
    if constexpr (R > 1) {
      __syncthreads();
      if (row > 0) {
#pragma unroll
        for (int p = 0; p < P; p++) {
#pragma unroll
          for (int j = 0; j < N; j++) parts[row - 1][p * N + j][lane] = sum[p][j];
        }
      }
      __syncthreads();
    }
    if (row > 0) return;
#pragma unroll
    for (int p = 0; p < P; p++) {
      if (lane + p * lanes >= packs) continue;
      if constexpr (R > 1) {
#pragma unroll
        for (int r = 1; r < R; r++) {
#pragma unroll
          for (int j = 0; j < N; j++) sum[p][j] += parts[r - 1][p * N + j][lane];
        }
      }
      write_values(to + int64_t{blockIdx.x} * a.C + (lane + p * lanes) * N, sum[p]);
    }
  };
  put(a.dw, dw);
  if constexpr (biased) put(a.db, db);
}

// body<P, W>() for rows of C elements; false where they do not fit.
template <class X, class Body>
bool by_row(int64_t C, const Body& body) {
  const int64_t packs = C / Pack<X>::size;
  if (C == 0 || C % Pack<X>::size != 0 || packs > 16 * warp) return false;
  if (packs <= warp) {
    body.template operator()<1, 1>();
  } else if (packs <= 2 * warp) {
    body.template operator()<2, 1>();
  } else if (packs <= 3 * warp) {
    body.template operator()<3, 1>();
  } else if (packs <= 4 * warp) {
    body.template operator()<4, 1>();
  } else if (packs <= 8 * warp) {
    body.template operator()<2, 4>();
  } else if (packs <= 12 * warp) {
    body.template operator()<3, 4>();
  } else {
    body.template operator()<4, 4>();
  }
  return true;
}

template <bool centered, class X>
void norm_forward(Context& context, const NormForward<X>& a) {
  if (a.T == 0) return;
  if (aligned(a.y, a.sum, a.x, a.residual, a.weight.data, a.bias.data) && by_row<X>(a.C, [&]<int P, int W>() {
        launch(context, norm_forward_rows<X, P, W, centered>, blocks_for(a.T, norm_threads / (warp * W)),
               dim3(norm_threads), 0, a);
      })) {
    return;
  }
  launch(context, norm_forward_any<X, centered>, blocks_for(a.T, 1), dim3(norm_threads), 0, a);
}

// dweight and dbias [C] may be null.
template <bool centered, class X>
void norm_backward(Context& context, NormBackward<X> a, float* dweight, float* dbias, bool accumulate) {
  if (a.C == 0) return;
  int64_t blocks = 0;
  if (a.T > 0 && aligned(a.dx, a.dy, a.dsum, a.s, a.weight.data) && by_row<X>(a.C, [&]<int P, int W>() {
        blocks = norm_blocks(a.T, P, W, dbias != nullptr);
        if (dweight || dbias) a.dw = static_cast<float*>(scratch(context, blocks * a.C * 4));
        if (dbias) a.db = static_cast<float*>(scratch(context, blocks * a.C * 4));
        const dim3 grid(static_cast<unsigned>(blocks));
        if (centered && dbias) {
          launch(context, norm_backward_rows<X, P, W, centered, centered>, grid, dim3(norm_threads), 0, a);
        } else {
          launch(context, norm_backward_rows<X, P, W, centered, false>, grid, dim3(norm_threads), 0, a);
        }
      })) {
    if (dweight) add_partials(context, dweight, a.dw, {1, blocks, a.C}, 1.0f, accumulate);
    if (dbias) add_partials(context, dbias, a.db, {1, blocks, a.C}, 1.0f, accumulate);
    return;
  }
  launch(context, norm_backward_any<X, centered>, blocks_for(a.T, 1), dim3(norm_threads), 0, a);
  const Axis axis{1, a.T, a.C};
  if (dweight) {
    sum_columns<float, 1>(context, dweight, NormProduct<X, centered>{a.dy, a.s, a.mean, a.rstd, a.C}, axis, 1.0f,
                          accumulate);
  }
  if (dbias) sum_columns<float, 1>(context, dbias, Elements<X>{a.dy, a.C}, axis, 1.0f, accumulate);
}

}  // namespace ettin::ETTIN_LEVEL
