// matmul: y[.., m, n] = sum_k a[.., m, k] b[.., k, n], for each entry of the leading (batch) dimensions.
//
//   y [.., M, N] contiguous   a [.., M, K]   b [.., K, N]; a and b in any strides, 0 where a batch is broadcast
//
// An operand whose rows or columns lie close together takes part as it lies; any other is copied first. Batch
// dimensions whose strides run on become one; the longest that is left is cuBLASLt's batch, and what remains is a call
// for each entry. Where all entries share b, the batch becomes more rows of one product.
#include "gemm.h"
#include "level.h"

namespace ettin::ETTIN_LEVEL {

namespace {

// The last two dimensions as they lie in memory; nothing where neither is dense.
bool lies_as_matrix(const View& v, Matrix* m) {
  const int64_t R = v.shape[v.dims - 2], C = v.shape[v.dims - 1];
  const int64_t row_stride = R == 1 ? C : v.strides[v.dims - 2], col_stride = C == 1 ? R : v.strides[v.dims - 1];
  if ((C == 1 || col_stride == 1) && row_stride >= C) {
    *m = {v.data, v.dtype, R, C, row_stride};
    return true;
  }
  if ((R == 1 || v.strides[v.dims - 2] == 1) && col_stride >= R) {
    *m = {v.data, v.dtype, C, R, col_stride, true};
    return true;
  }
  return false;
}

// A contiguous copy in scratch, but for batch dimensions that are broadcast: they stay one entry.
View dense_copy(Context& context, const View& v) {
  View from = v;
  Out to{v};
  int64_t size = 1;
  for (int d = v.dims - 1; d >= 0; d--) {
    const bool repeats = d < v.dims - 2 && v.strides[d] == 0;
    if (repeats) from.shape[d] = to.shape[d] = 1;
    to.strides[d] = repeats ? 0 : size;
    size *= to.shape[d];
  }
  to.data = scratch(context, size * (v.dtype == DType::bfloat16 ? 2 : 4));
  copy(context, to, from);
  for (int d = 0; d < v.dims; d++) to.shape[d] = v.shape[d];
  return to;
}

Matrix operand(Context& context, View* v) {
  Matrix m{};
  if (lies_as_matrix(*v, &m)) return m;
  *v = dense_copy(context, *v);
  lies_as_matrix(*v, &m);
  return m;
}

struct Batch {
  int64_t size, a, b, y;  // entries, and how far apart they lie
};

void* moved(const Matrix& m, int64_t elements) {
  return static_cast<char*>(m.data) + elements * (m.dtype == DType::bfloat16 ? 2 : 4);
}

}  // namespace

void matmul(Context& context, Out y, View a, View b) {
  const int64_t M = y.shape[y.dims - 2], N = y.shape[y.dims - 1];
  if (size_of(y) == 0) return;
  Product product{.y = {y.data, y.dtype, M, N, N}, .a = operand(context, &a), .b = operand(context, &b)};
  if (last(a) == 0) {  // nothing to sum: all entries are zeros
    product.y.rows = size_of(y) / N;
    product.a = {a.data, a.dtype, product.y.rows, 0, 0};
    return multiply(context, product);
  }

  Batch batch[max_dims];
  int count = 0;
  int64_t apart = M * N;
  for (int d = y.dims - 3; d >= 0; d--) {
    const Batch next{y.shape[d], a.strides[d], b.strides[d], apart};
    apart *= next.size;
    if (next.size == 1) continue;
    if (count > 0) {
      Batch& inner = batch[count - 1];
      if (next.a == inner.a * inner.size && next.b == inner.b * inner.size) {
        inner.size *= next.size;
        continue;
      }
    }
    batch[count++] = next;
  }

  // b for all, and a's entries one below the other: so many more rows.
  if (count > 0 && batch[0].b == 0 && !product.a.transposed && batch[0].a == M * product.a.stride) {
    product.y.rows = product.a.rows = M * batch[0].size;
    for (int i = 1; i < count; i++) batch[i - 1] = batch[i];
    count--;
  }
  int longest = 0;
  for (int i = 1; i < count; i++) {
    if (batch[i].size > batch[longest].size) longest = i;
  }
  if (count > 0) {
    product.batch = batch[longest].size;
    product.a.batch_stride = batch[longest].a;
    product.b.batch_stride = batch[longest].b;
    product.y.batch_stride = batch[longest].y;
    batch[longest] = batch[--count];
  }
  int64_t calls = 1;
  for (int i = 0; i < count; i++) calls *= batch[i].size;
  for (int64_t call = 0; call < calls; call++) {
    int64_t at_a = 0, at_b = 0, at_y = 0;
    for (int64_t i = 0, rest = call; i < count; i++) {
      const int64_t entry = rest % batch[i].size;
      rest /= batch[i].size;
      at_a += entry * batch[i].a;
      at_b += entry * batch[i].b;
      at_y += entry * batch[i].y;
    }
    Product one = product;
    one.a.data = moved(product.a, at_a);
    one.b.data = moved(product.b, at_b);
    one.y.data = moved(product.y, at_y);
    multiply(context, one);
  }
}

}  // namespace ettin::ETTIN_LEVEL
