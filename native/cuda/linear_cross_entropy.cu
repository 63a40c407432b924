// linear_cross_entropy: the loss of a language model's head without its [S,V] matrix of scores.
//
//   scores[s,v] = x[s] · w[v] + bias[v]
//   lse[s]      = log(sum over v of exp(scores[s,v])), kept as two numbers: the largest score, and the rest
//   loss[s]     = lse[s] - scores[s, targets[s]]
//   dscores     = dloss[s] (exp(scores[s,v] - lse[s]) - [v = targets[s]])
//   dx = dscores · w    dw = dscoresᵀ · x    dbias = sum over s of dscores
//
//   x, dx [S,D]   w [V,D]   bias [V]   targets [S] int32   loss, dloss [S], lse [S,2] float32
//   dw [V,D], dbias [V] float32
//
// Rows are taken by chunks whose scores fit `chunk_bytes`: large enough for products that fill the GPU and for dw,
// which every chunk reads and writes, to cost little. Scores and dscores have x's dtype, as the scores of an unfused
// head would; a block turns a row of scores into its loss and, where dloss is known, into its dscores where it lies,
// while the row is in the caches. `gradients` knows dloss before it starts: three products in all. `backward` serves a
// dloss that differs by row and computes the scores a second time: four.
#include "column_sums.h"
#include "gemm.h"
#include "log_sum_exp.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t chunk_bytes = int64_t{224} << 20;  // with what else a call needs, below the scratch that is kept
constexpr int64_t tile_rows = 128;                   // chunks are whole tiles of a product

struct Head {
  const View &x, &w, &bias, &targets;
};
struct Gradients {  // each may be absent
  const View &dx, &dw, &dbias;
  bool accumulate_weight, accumulate_bias;
};

struct RowArguments {
  const int32_t* targets;
  float *loss, *lse;   // absent where nobody asks
  const float* dloss;  // by row; null: `scale` for all
  float scale;
  bool known_lse, gradients;
};

// One block, one row of scores [V] in place; rows lie `stride` apart, the first is row `first` of x.
template <class T>
__global__ void __launch_bounds__(1024)
    score_rows(T* scores, int64_t stride, int64_t first, int V, RowArguments a, Fault bad) {
  using Threads = RowThreads<true>;
  const int64_t s = first + blockIdx.x;
  T* row = scores + blockIdx.x * stride;
  const bool leads = threadIdx.x == 0;
  const int64_t target = checked_target(bad, a.targets, s, V, leads);
  if (V == 0) return;
  LogSum all;
  if (a.known_lse) {
    all = {a.lse[2 * s], a.lse[2 * s + 1]};
  } else {
    const float at_target = to_float(row[target]);  // before any thread writes the row
    all = log_sum_exp<T, Threads>(row, V);
    if (leads) a.loss[s] = all.rest - (at_target - all.shift);
    if (leads && a.lse) {
      a.lse[2 * s] = all.shift;
      a.lse[2 * s + 1] = all.rest;
    }
  }
  if (!a.gradients) return;
  const float d = a.dloss ? a.dloss[s] : a.scale;
  walk_row(static_cast<const T*>(row), V, Threads::first(), Threads::step(), [&]<int P>(int i, const float(&v)[P]) {
    float ds[P];
#pragma unroll
    for (int k = 0; k < P; k++) {
      const float p = exponential<T>(v[k] - all.shift - all.rest) * d;
      ds[k] = i + k == target ? p - d : p;
    }
    put(row + i, ds);
  });
}

// Rows first … first + rows - 1 of x as a matrix.
Matrix rows_of(const View& x, int64_t first, int64_t rows) {
  Matrix m = matrix_of(x);
  m.data = static_cast<char*>(m.data) + first * m.cols * (x.dtype == DType::bfloat16 ? 2 : 4);
  m.rows = rows;
  return m;
}

// The bias in the dtype of the scores: cuBLASLt adds it as it writes them.
const void* bias_in(Context& context, const View& bias, DType dtype) {
  if (!present(bias) || bias.dtype == dtype) return bias.data;
  void* same = scratch(context, size_of(bias) * (dtype == DType::bfloat16 ? 2 : 4));
  cast(context, same, dtype, bias.data, bias.dtype, size_of(bias));
  return same;
}

void run(Context& context, const Head& head, const RowArguments& arguments, const Gradients* gradients) {
  const int64_t S = head.x.shape[0], V = head.w.shape[0];
  const DType dtype = head.x.dtype;
  const int64_t bytes = dtype == DType::bfloat16 ? 2 : 4, stride = round_up(V, 128 / bytes);
  const Fault bad = fault(context,
                          "target %lld at place %lld is outside the vocabulary of %lld. Leave rows without a target "
                          "out of x and targets.");
  const bool into_x = gradients && present(gradients->dx), into_w = gradients && present(gradients->dw);
  const bool into_bias = gradients && present(gradients->dbias);

  int64_t most = max<int64_t>(chunk_bytes / max<int64_t>(stride * bytes, 1), 1);
  if (most > tile_rows) most -= most % tile_rows;
  const int64_t chunks = max<int64_t>(ceil_div(S, most), 1);
  const int64_t step = min(most, round_up(ceil_div(S, chunks), tile_rows));
  void* scores = scratch(context, min(step, S) * stride * bytes);
  float* space = into_bias ? column_sums_space(context, min(step, S), V) : nullptr;
  const void* bias = bias_in(context, head.bias, dtype);
  const Matrix w = weight_in(context, head.w, dtype);

  int64_t first = 0;
  do {  // once where there are no rows: gradients of nothing are zeros
    const int64_t rows = min(step, S - first);
    const Matrix x = rows_of(head.x, first, rows), y{scores, dtype, rows, V, stride};
    multiply(context, {.y = y, .a = x, .b = transposed(w), .bias = bias, .bias_dtype = dtype});
    by_float(dtype, [&]<class T>() {
      launch(context, score_rows<T>, dim3(static_cast<unsigned>(rows)), dim3(V <= 8192 ? 256 : 1024), 0,
             static_cast<T*>(scores), stride, first, static_cast<int>(V), arguments, bad);
      if (into_bias) {
        column_sums(context, as<float>(gradients->dbias), static_cast<const T*>(scores), rows, V, stride,
                    gradients->accumulate_bias || first > 0, space);
      }
    });
    if (into_x) multiply(context, {.y = rows_of(gradients->dx, first, rows), .a = y, .b = w});
    if (into_w) {
      multiply(context, {.y = matrix_of(gradients->dw),
                         .a = transposed(y),
                         .b = x,
                         .accumulate = gradients->accumulate_weight || first > 0});
    }
    first += step;
  } while (first < S);
}

}  // namespace

void linear_cross_entropy_forward(Context& context, Out loss, Out lse, View x, View w, Optional bias, View targets) {
  const RowArguments arguments{as<int32_t>(targets), as<float>(loss), as<float>(lse), nullptr, 0.0f, false, false};
  run(context, {x, w, bias, targets}, arguments, nullptr);
}

void linear_cross_entropy_backward(Context& context, OptionalOut dx, OptionalInOut dw, OptionalInOut dbias, View dloss,
                                   View x, View w, Optional bias, View lse, View targets, bool accumulate_weight,
                                   bool accumulate_bias) {
  const RowArguments arguments{as<int32_t>(targets), nullptr, as<float>(lse), as<float>(dloss), 0.0f, true, true};
  const Gradients gradients{dx, dw, dbias, accumulate_weight, accumulate_bias};
  run(context, {x, w, bias, targets}, arguments, &gradients);
}

void linear_cross_entropy_gradients(Context& context, Out loss, OptionalOut dx, OptionalOut dw, OptionalOut dbias,
                                    View x, View w, Optional bias, View targets, double scale) {
  const RowArguments arguments{as<int32_t>(targets),      as<float>(loss), nullptr, nullptr,
                               static_cast<float>(scale), false,           true};
  const Gradients gradients{dx, dw, dbias, false, false};
  run(context, {x, w, bias, targets}, arguments, &gradients);
}

}  // namespace ettin::ETTIN_LEVEL
