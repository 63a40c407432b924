// Matrix products on the device: every product of this folder that is not fused with something else goes through here.
#pragma once

#include <cstdint>
#include <memory>

#include "../view.h"

namespace ettin {

struct Context;
class Products;
using ProductsPointer = std::unique_ptr<Products, void (*)(Products*)>;
ProductsPointer make_products();

// A matrix as it lies in memory: `rows` rows of `cols` elements, `stride` elements apart; batch b is b * batch_stride
// elements on. `transposed` matrices take part as [cols, rows]. float32 or bfloat16.
struct Matrix {
  void* data;
  DType dtype;
  int64_t rows, cols, stride;
  bool transposed = false;
  int64_t batch_stride = 0;
};

// The last axis as columns, all others as rows; x must be contiguous.
Matrix matrix_of(const View& x);
inline Matrix transposed(Matrix m) {
  m.transposed = !m.transposed;
  return m;
}

// y [M,N] = a [M,K] · b [K,N] + bias [N], or y += with `accumulate`. a and b have one dtype; with bfloat16 the sums are
// float32 and y is of either dtype; with float32 all is float32 (no TensorFloat-32). The bias has y's dtype or is
// float32. The same shapes and alignments give the same bits. K may be 0.
struct Product {
  Matrix y, a, b;
  int64_t batch = 1;
  const void* bias = nullptr;
  DType bias_dtype = DType::float32;
  bool accumulate = false;
};
void multiply(Context& context, const Product& product);

// The weight's rows in `dtype`: itself, or a copy that is kept until somebody writes the weight, or one in scratch.
Matrix weight_in(Context& context, const View& w, DType dtype);

// n elements of another float dtype.
void cast(Context& context, void* to, DType to_dtype, const void* from, DType from_dtype, int64_t n);

}  // namespace ettin
