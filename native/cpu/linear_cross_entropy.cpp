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
// Rows are taken by blocks whose scores fit `block_bytes`. `gradients` knows dloss (one number) before it starts,
// so a block's dscores are made from its scores where they lie and go into all three gradients at once: three
// products in all. `backward` serves a dloss that differs by row and computes the scores a second time: four.
// With bfloat16 x the scores stay float32 and dscores are rounded to bfloat16 for their two products.
// docs/decisions/2026-11-21-linear-cross-entropy.md has the figures.
#include "elementary.h"
#include "gemm.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t block_bytes = int64_t{28} << 20;
constexpr int64_t bias_columns = 1024;  // of dbias that one task sums
constexpr int64_t word_groups = 8;      // of the vocabulary: dx is the sum of their parts, in order
constexpr int64_t part_columns = 384;   // of dx that one task makes

struct Head {
  const View &x, &w, &bias, &targets;
};
struct Gradients {  // each may be absent
  const View &dx, &dw, &dbias;
  bool accumulate_weight, accumulate_bias;
};

void check_targets(const View& targets, int64_t V) {
  const int32_t* ids = as<int32_t>(targets);
  for (int64_t s = 0; s < size_of(targets); s++) {
    if (ids[s] < 0 || ids[s] >= V) {
      fail(
          "target %d at place %lld is outside the vocabulary of %lld. Leave rows without a target out of x and "
          "targets.",
          ids[s], static_cast<long long>(s), static_cast<long long>(V));
    }
  }
}

void log_sum_exp(float* lse, const float* scores, int64_t V) {
  vf top = set(-__builtin_inff());
  int64_t v = 0;
  for (; v + lanes <= V; v += lanes) top = max(load(scores + v), top);
  float highest = reduce_max(top);
  for (; v < V; v++) highest = max(highest, scores[v]);

  const vf shift = set(highest);
  vf sums[2] = {zero(), zero()};
  for (v = 0; v + 2 * lanes <= V; v += 2 * lanes) {
    sums[0] = add(sums[0], exp_nonpositive(sub(load(scores + v), shift)));
    sums[1] = add(sums[1], exp_nonpositive(sub(load(scores + v + lanes), shift)));
  }
  for (; v < V; v += lanes) {
    const vf e = exp_nonpositive(sub(load(scores + v, V - v), shift));
    sums[0] = add(sums[0], select(part(min<int64_t>(V - v, lanes)), e, zero()));
  }
  lse[0] = highest;
  lse[1] = reduce_max(log(set(reduce_add(add(sums[0], sums[1])))));  // of equal lanes: one number
}

// dscores over a row of scores, in its place; as bfloat16 they take the first half of it.
template <class T>
void score_gradient(float* scores, int64_t V, const float* lse, float dloss, int32_t target) {
  const vf top = set(lse[0]), rest = set(lse[1]), scale = set(dloss);
  const auto gradient = [&](vf s) { return mul(exp_nonpositive(sub(sub(s, top), rest)), scale); };
  const float at_target = reduce_max(gradient(set(scores[target]))) - dloss;
  T* d = reinterpret_cast<T*>(scores);
  int64_t v = 0;
  for (; v + lanes <= V; v += lanes) store(d + v, gradient(load(scores + v)));
  if (v < V) store_part(d + v, gradient(load_part(scores + v, V - v)), V - v);
  store(d + target, at_target);
}

// sums[v] += the column v of dscores, rows in order.
template <class T>
void add_columns(Context& context, float* sums, const T* d, int64_t rows, int64_t V, int64_t row_stride) {
  parallel_chunks(context, V, bias_columns, [&](int64_t begin, int64_t end) {
    for (int64_t v = begin; v < end; v += lanes) {
      vf sum = load(sums + v, end - v);
      for (int64_t r = 0; r < rows; r++) sum = add(sum, load(d + r * row_stride + v, end - v));
      store(sums + v, sum, end - v);
    }
  });
}

void fill_zero(Context& context, const View& y) {
  if (!present(y)) return;
  parallel_chunks(context, size_of(y), int64_t{1} << 18, [&](int64_t begin, int64_t end) {
    __builtin_memset(as<float>(y) + begin, 0, static_cast<size_t>(end - begin) * sizeof(float));
  });
}

// dx = d · w for a block of rows. The inner dimension is the vocabulary: it is cut into groups that are summed
// apart, so that each piece of w is brought into the caches and packed once. `parts` holds word_groups times dx.
void input_gradient(Context& context, const Workspace& workspace, const Matrix& dx, const Matrix& d, const Matrix& w,
                    float* parts) {
  const int64_t size = dx.rows * dx.cols, words = ceil_div(w.rows, word_groups);
  const int64_t groups = ceil_div(w.rows, words), pieces = ceil_div(dx.cols, part_columns);
  parallel_for(context, groups * pieces, [&](int64_t task, int worker) {
    const int64_t group = task / pieces, c = task % pieces * part_columns, v = group * words;
    const int64_t columns = min(part_columns, dx.cols - c), count = min(words, w.rows - v);
    const Matrix part{parts + group * size + c, DType::float32, dx.rows, columns, dx.cols, 1};
    gemm_alone(workspace, worker, part, block(d, 0, d.rows, v, count), block(w, v, count, c, columns), nullptr, false);
  });
  parallel_chunks(context, size, int64_t{4096}, [&](int64_t begin, int64_t end) {
    by_float(dx.dtype, [&]<class T>() {
      T* out = static_cast<T*>(dx.data);
      for (int64_t i = begin; i < end; i += lanes) {
        vf sum = load(parts + i, end - i);
        for (int64_t g = 1; g < groups; g++) sum = add(sum, load(parts + g * size + i, end - i));
        store(out + i, sum, end - i);
      }
    });
  });
}

// dloss(s) is called where there are gradients. known_lse: read lse instead of writing it and loss.
template <class DLoss>
void run(Context& context, const Head& head, float* loss, float* lse, bool known_lse, const Gradients* gradients,
         const DLoss& dloss) {
  const Matrix x = as_matrix(head.x), w = as_matrix(head.w);
  const int64_t S = x.rows, V = w.rows;
  check_targets(head.targets, V);
  if (gradients) {
    if (!gradients->accumulate_weight && S == 0) fill_zero(context, gradients->dw);
    if (!gradients->accumulate_bias) fill_zero(context, gradients->dbias);
  }
  if (S == 0) return;

  const int32_t* targets = as<int32_t>(head.targets);
  const float* bias = float_bias(context, head.bias);
  const Workspace workspace = gemm_workspace(context);
  const int64_t blocks = ceil_div(S, max<int64_t>(8, block_bytes / (V * 4)));
  const int64_t step = ceil_div(S, blocks);
  float* scores = static_cast<float*>(scratch(context, step * V * 4));
  const DType dtype = head.x.dtype;
  const bool into_x = gradients && present(gradients->dx), into_w = gradients && present(gradients->dw);
  float* parts = static_cast<float*>(scratch(context, into_x ? word_groups * step * x.cols * 4 : 0));
  void* packed = scratch(context, into_w ? packed_bytes(step, x.cols, packing_of(dtype, x.dtype)) : 0);
  const int64_t row_stride = dtype == DType::bfloat16 ? 2 * V : V;

  for (int64_t first = 0; first < S; first += step) {
    const int64_t rows = min(step, S - first);
    const Matrix x_block = block(x, first, rows, 0, x.cols);
    gemm(context, workspace, {scores, DType::float32, rows, V, V, 1}, x_block, transposed(w), bias, false);
    parallel_for(context, rows, [&](int64_t r, int) {
      const int64_t s = first + r;
      float* row = scores + r * V;
      if (!known_lse) {
        log_sum_exp(lse + 2 * s, row, V);
        loss[s] = lse[2 * s + 1] - (row[targets[s]] - lse[2 * s]);
      }
      if (gradients) {
        by_float(dtype, [&]<class T>() { score_gradient<T>(row, V, lse + 2 * s, dloss(s), targets[s]); });
      }
    });
    if (!gradients) continue;
    const Matrix d{scores, dtype, rows, V, row_stride, 1};
    if (present(gradients->dbias)) {
      by_float(dtype, [&]<class T>() {
        add_columns(context, as<float>(gradients->dbias), static_cast<const T*>(d.data), rows, V, row_stride);
      });
    }
    if (into_x)
      input_gradient(context, workspace, block(as_matrix(gradients->dx), first, rows, 0, x.cols), d, w, parts);
    if (into_w) {
      gemm(context, workspace, as_matrix(gradients->dw), transposed(d),
           pack(context, packed, x_block, packing_of(dtype, x.dtype)), nullptr,
           gradients->accumulate_weight || first > 0);
    }
  }
}

}  // namespace

void linear_cross_entropy_forward(Context& context, Out loss, Out lse, View x, View w, Optional bias, View targets) {
  run(context, {x, w, bias, targets}, as<float>(loss), as<float>(lse), false, nullptr, [](int64_t) { return 0.0f; });
}

void linear_cross_entropy_backward(Context& context, OptionalOut dx, OptionalInOut dw, OptionalInOut dbias, View dloss,
                                   View x, View w, Optional bias, View lse, View targets, bool accumulate_weight,
                                   bool accumulate_bias) {
  const Gradients gradients{dx, dw, dbias, accumulate_weight, accumulate_bias};
  run(context, {x, w, bias, targets}, nullptr, as<float>(lse), true, &gradients,
      [&](int64_t s) { return as<float>(dloss)[s]; });
}

void linear_cross_entropy_gradients(Context& context, Out loss, OptionalOut dx, OptionalOut dw, OptionalOut dbias,
                                    View x, View w, Optional bias, View targets, double scale) {
  const Gradients gradients{dx, dw, dbias, false, false};
  float* lse = static_cast<float*>(scratch(context, x.shape[0] * 8));
  run(context, {x, w, bias, targets}, as<float>(loss), lse, false, &gradients,
      [&](int64_t) { return static_cast<float>(scale); });
}

}  // namespace ettin::ETTIN_LEVEL
