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
// which every chunk reads and writes, to cost little. A block turns a row of scores into its loss and, where dloss is
// known, into its dscores where it lies. That reads the row twice, and the rows in work (264 of 201 KB at a vocabulary
// of 50,368) do not fit the caches: a block keeps what it can of its row in shared memory, so that the rest does.
// `gradients` knows dloss before it starts: three products in all. `backward` serves a dloss that differs by row and
// computes the scores a second time: four. With bfloat16 x the scores stay float32 and dscores are rounded to bfloat16
// for their two products; they take the first half of their row.
#include "column_sum.h"
#include "gemm.h"
#include "log_sum_exp.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t chunk_bytes = int64_t{896} << 20;  // with what else a call needs, below the scratch that is kept
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

// One block, one row of scores [V], which become dscores of type T; rows lie `stride` scores apart, the first is row
// `first` of x. Reads and writes whole packs: what lies behind V belongs to nobody. The first `kept` scores, whole
// packs of them, are read from memory once.
template <class T>
__global__ void __launch_bounds__(1024)
    score_rows(float* scores, int64_t stride, int64_t first, int V, int kept, RowArguments a, Fault bad) {
  constexpr int P = Pack<float>::size;
  const int64_t s = first + blockIdx.x;
  float* row = scores + blockIdx.x * stride;
  float* const keep = shared_memory<float>();
  const bool leads = threadIdx.x == 0;
  const int64_t target = checked_target(bad, a.targets, s, V, leads);
  if (V == 0) return;
  LogSum all;
  if (a.known_lse) {
    all = {a.lse[2 * s], a.lse[2 * s + 1]};
  } else {
    const float at_target = row[target];  // before any thread writes the row
    all = log_sum_exp<RowThreads<true>, is_half<T>>(row, V, [&]<int N>(int i, const float(&v)[N]) {
      if (N == P && i < kept) write_values(keep + i, v);
    });
    if (leads) a.loss[s] = all.rest - (at_target - all.shift);
    if (leads && a.lse) {
      a.lse[2 * s] = all.shift;
      a.lse[2 * s + 1] = all.rest;
    }
  }
  if (!a.gradients) return;
  const float d = a.dloss ? a.dloss[s] : a.scale;
  const int step = static_cast<int>(blockDim.x) * P;
  for (int begin = 0; begin < V; begin += step) {
    const int i = begin + static_cast<int>(threadIdx.x) * P;
    float v[P] = {};
    if (i < kept) {
      read_values(v, keep + i);  // its own
    } else if (i < V) {
      read_values(v, row + i);
    }
    // dscores of this tile lie over scores [begin / 2, (begin + step) / 2), which must have been read.
    if (is_half<T> && (begin + step) / 2 > kept) __syncthreads();
    if (i >= V) continue;
#pragma unroll
    for (int k = 0; k < P; k++) {
      const float p = exponential<is_half<T>>(v[k] - all.shift - all.rest) * d;
      v[k] = i + k == static_cast<int>(target) ? p - d : p;
    }
    write_values(reinterpret_cast<T*>(row) + i, v);
  }
}

// How many scores of a row its block keeps, when as many blocks are at work as a multiprocessor has threads for.
int64_t kept_scores(Context& context, int64_t V, int64_t block) {
  const int64_t limit = shared_memory_limit(context);
  const int64_t blocks = (limit < 128 * 1024 ? 1536 : 2048) / block;
  const int64_t bytes = (limit + 1024) / blocks - 2048;  // of which the system takes 1 KB, and the block's sums less
  return min(V, bytes / 4) / Pack<float>::size * Pack<float>::size;
}

template <class T>
struct StridedRows {  // of which column_sum.h makes sums
  const T* x;
  int64_t stride;

  template <int N>
  __device__ __forceinline__ void read(float (&v)[N], int64_t row, int64_t c) const {
    read_values(v, x + row * stride + c);
  }
};

// One `space` serves all chunks: scratch lasts as long as the call.
int64_t bias_space(int64_t rows, int64_t V) { return ceil_div(rows, column_piece) * V * 4; }

template <class T, int N>
void add_to_bias(Context& context, const View& dbias, const StridedRows<T>& d, int64_t rows, float* space,
                 bool accumulate) {
  const int64_t V = size_of(dbias), pieces = ceil_div(rows, column_piece);
  if (pieces <= 1) {
    launch_columns<float, N, 8>(context, as<float>(dbias), d, {1, rows, V}, column_piece, 1.0f, accumulate);
    return;
  }
  launch_columns<float, N, 8>(context, space, d, {1, rows, V}, column_piece, 1.0f, false);
  add_partials(context, as<float>(dbias), space, {1, pieces, V}, 1.0f, accumulate);
}

// Rows first … first + rows - 1 of x as a matrix.
Matrix rows_of(const View& x, int64_t first, int64_t rows) {
  Matrix m = matrix_of(x);
  m.data = static_cast<char*>(m.data) + first * m.cols * (x.dtype == DType::bfloat16 ? 2 : 4);
  m.rows = rows;
  return m;
}

void run(Context& context, const Head& head, const RowArguments& arguments, const Gradients* gradients) {
  const int64_t S = head.x.shape[0], V = head.w.shape[0];
  const DType dtype = head.x.dtype;
  const int64_t stride = round_up(V, 32);
  const Fault bad = fault(context,
                          "target %lld at place %lld is outside the vocabulary of %lld. Leave rows without a target "
                          "out of x and targets.");
  const bool into_x = gradients && present(gradients->dx), into_w = gradients && present(gradients->dw);
  const bool into_bias = gradients && present(gradients->dbias);

  int64_t most = max<int64_t>(chunk_bytes / max<int64_t>(stride * 4, 1), 1);
  if (most > tile_rows) most -= most % tile_rows;
  const int64_t chunks = max<int64_t>(ceil_div(S, most), 1);
  const int64_t step = min(most, round_up(ceil_div(S, chunks), tile_rows));
  auto* scores = static_cast<float*>(scratch(context, min(step, S) * stride * 4));
  auto* space = static_cast<float*>(scratch(context, into_bias ? bias_space(min(step, S), V) : 0));
  const Matrix w = weight_in(context, head.w, dtype);
  const int64_t block = V <= 8192 ? 256 : 1024;
  const bool twice = arguments.gradients && !arguments.known_lse;
  const int64_t kept = twice ? kept_scores(context, V, block) : 0;

  int64_t first = 0;
  do {  // once where there are no rows: gradients of nothing are zeros
    const int64_t rows = min(step, S - first);
    const Matrix x = rows_of(head.x, first, rows);
    multiply(context, {.y = {scores, DType::float32, rows, V, stride},
                       .a = x,
                       .b = transposed(w),
                       .bias = head.bias.data,
                       .bias_dtype = head.bias.dtype});
    Matrix d{scores, dtype, rows, V, stride};
    by_float(dtype, [&]<class T>() {
      d.stride = stride * 4 / static_cast<int64_t>(sizeof(T));
      launch(context, score_rows<T>, dim3(static_cast<unsigned>(rows)), dim3(static_cast<unsigned>(block)), kept * 4,
             scores, stride, first, static_cast<int>(V), static_cast<int>(kept), arguments, bad);
      if (into_bias) {
        const StridedRows<T> rows_of_d{static_cast<const T*>(d.data), d.stride};
        const bool more = gradients->accumulate_bias || first > 0;
        if (V % Pack<T>::size == 0) {
          add_to_bias<T, Pack<T>::size>(context, gradients->dbias, rows_of_d, rows, space, more);
        } else {
          add_to_bias<T, 1>(context, gradients->dbias, rows_of_d, rows, space, more);
        }
      }
    });
    if (into_x) multiply(context, {.y = rows_of(gradients->dx, first, rows), .a = d, .b = w});
    if (into_w) {
      multiply(context, {.y = matrix_of(gradients->dw),
                         .a = transposed(d),
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
