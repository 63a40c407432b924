// Matrix products: y = a · b, where each of a, b, y is float32 or bfloat16 in rows and columns with strides.
//
// What callers may rely on:
//   * An element of y is one chain of fused multiply-adds over k in ascending order, in float32, that starts
//     at bias + y (where they are given). It does not depend on the other rows and columns, on the number of
//     rows, or on the threads. With bfloat16 instructions (ETTIN_HAS_DOT_PAIRS) the chain goes over pairs.
//   * a's dtype is the precision of the product: where a is bfloat16, a float32 b is rounded to bfloat16 as it
//     is packed; where a is float32, a bfloat16 b is widened.
//   * A packed b of a few rows of a (decoding) is read once, in order, and nothing but b costs time.
#pragma once

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

// Element (r, c) lies at r * row_stride + c * col_stride. Fast where one of the strides is 1; y has col_stride 1.
struct Matrix {
  void* data;
  DType dtype;
  int64_t rows, cols, row_stride, col_stride;
};

inline int64_t bytes_of(DType dtype) { return dtype == DType::bfloat16 ? 2 : 4; }
inline void* element(const Matrix& m, int64_t row, int64_t col) {
  return static_cast<char*>(m.data) + (row * m.row_stride + col * m.col_stride) * bytes_of(m.dtype);
}
inline Matrix block(const Matrix& m, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  return {element(m, row, col), m.dtype, rows, cols, m.row_stride, m.col_stride};
}
inline Matrix transposed(const Matrix& m) { return {m.data, m.dtype, m.cols, m.rows, m.col_stride, m.row_stride}; }

// A contiguous view [.., C] as rows × C.
inline Matrix as_matrix(const View& v) { return {v.data, v.dtype, rows(v), last(v), last(v), 1}; }

// b in the order in which the inner loop reads it: panels of panel_cols columns, all of k in each.
//   singles   float32: a line of panel_cols columns for each k
//   halves    bfloat16, to be multiplied as float32: 4 bytes hold columns j (low) and j + lanes of one k
//   pairs     bfloat16, to be multiplied in pairs: 4 bytes hold k (low) and k + 1 of a column
constexpr int64_t panel_cols = (lanes == 16 ? 4 : 2) * lanes;
enum class Packing { singles, halves, pairs };
struct Packed {
  char* data;
  Packing packing;
  int64_t rows, cols;
  int64_t panel_bytes;  // from one panel to the next
};

// How b is packed, by a's dtype and its own.
Packing packing_of(DType precision, DType b);
int64_t packed_bytes(int64_t rows, int64_t cols, Packing packing);
Packed pack(Context& context, void* data, const Matrix& b, Packing packing);  // data: packed_bytes, aligned to 64
Packed packed_block(const Packed& b, int64_t row, int64_t rows, int64_t col,
                    int64_t cols);  // row even, col a multiple of panel_cols

Packed as_packed(void* data, int64_t rows, int64_t cols, Packing packing);  // what pack() made

// The weight w [N,K], transposed or not, packed: from the copy kept beside its storage, or into scratch.
Packed packed_weight(Context& context, const View& w, bool transpose, DType precision);

// Memory for what is packed in passing. One for a whole kernel: scratch is not given back in between.
struct Workspace {
  char* shared;
  char* own;  // of worker 0; the others' follow
  int64_t own_bytes;
};
Workspace gemm_workspace(Context& context);

// y = a · b + bias (+ y), on the whole pool. bias [cols] float32 or null; accumulate adds to what y holds.
void gemm(Context& context, const Workspace& workspace, const Matrix& y, const Matrix& a, const Packed& b,
          const float* bias, bool accumulate);
void gemm(Context& context, const Workspace& workspace, const Matrix& y, const Matrix& a, const Matrix& b,
          const float* bias, bool accumulate);

// The same by one worker, to be called inside a parallel body.
void gemm_alone(const Workspace& workspace, int worker, const Matrix& y, const Matrix& a, const Packed& b,
                const float* bias, bool accumulate);
void gemm_alone(const Workspace& workspace, int worker, const Matrix& y, const Matrix& a, const Matrix& b,
                const float* bias, bool accumulate);

// bias as float32: itself, or widened into scratch. Null where there is none.
const float* float_bias(Context& context, const View& bias);

}  // namespace ettin::ETTIN_LEVEL
