// matmul: y[.., m, n] = sum_k a[.., m, k] b[.., k, n], for each entry of the leading (batch) dimensions.
//
//   y [.., M, N] contiguous   a [.., M, K]   b [.., K, N]; a and b in any strides, 0 where a batch is broadcast
//
// Transposed operands are strides. Small products are spread over the threads entry by entry, large ones are
// each cut up (gemm.h); where all entries share b, the batch becomes more rows of one product. All three give
// the same bits.
#include "gemm.h"

namespace ettin::ETTIN_LEVEL {

namespace {

Matrix last_two(const View& v) {
  return {v.data, v.dtype, v.shape[v.dims - 2], v.shape[v.dims - 1], v.strides[v.dims - 2], v.strides[v.dims - 1]};
}

// Entry number `entry` of the batch dimensions, which all three views share.
Matrix entry_of(const View& v, int64_t entry) {
  int64_t offset = 0;
  for (int d = v.dims - 3; d >= 0; d--) {
    offset += entry % v.shape[d] * v.strides[d];
    entry /= v.shape[d];
  }
  const Matrix m = last_two(v);
  return {static_cast<char*>(m.data) + offset * bytes_of(m.dtype), m.dtype, m.rows, m.cols, m.row_stride, m.col_stride};
}

// Whether batch and rows of a run on with one stride, and b is the same for all.
bool is_one_product(const View& a, const View& b) {
  int64_t stride = a.strides[a.dims - 2] * a.shape[a.dims - 2];
  for (int d = a.dims - 3; d >= 0; d--) {
    if (a.shape[d] == 1) continue;
    if (b.strides[d] != 0 || a.strides[d] != stride) return false;
    stride *= a.shape[d];
  }
  return true;
}

}  // namespace

void matmul(Context& context, Out y, View a, View b) {
  const Matrix y_one = last_two(y), a_one = last_two(a), b_one = last_two(b);
  int64_t batch = 1;
  for (int d = 0; d < y.dims - 2; d++) batch *= y.shape[d];
  if (batch * y_one.rows * y_one.cols == 0) return;

  const Workspace workspace = gemm_workspace(context);
  if (is_one_product(a, b)) {
    Matrix y_rows = y_one, a_rows = a_one;
    y_rows.rows = a_rows.rows = batch * y_one.rows;
    return gemm(context, workspace, y_rows, a_rows, b_one, nullptr, false);
  }

  const int64_t work = y_one.rows * y_one.cols * (a_one.cols + 1);
  constexpr int64_t task_work = int64_t{1} << 17, large_work = int64_t{1} << 22;
  if (batch < 4 * workers(context) && work >= large_work) {
    for (int64_t i = 0; i < batch; i++) {
      gemm(context, workspace, entry_of(y, i), entry_of(a, i), entry_of(b, i), nullptr, false);
    }
    return;
  }
  const int64_t entries = max<int64_t>(task_work / work, 1);  // of a task
  parallel_for(context, ceil_div(batch, entries), [&](int64_t task, int worker) {
    for (int64_t i = task * entries; i < min(batch, (task + 1) * entries); i++) {
      gemm_alone(workspace, worker, entry_of(y, i), entry_of(a, i), entry_of(b, i), nullptr, false);
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
