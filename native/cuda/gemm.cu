// Products by cuBLASLt. It counts columns first: a row-major y = a · b is its yᵀ = bᵀ · aᵀ, so the operands change
// places and nothing is moved.
#include "gemm.h"

#include <cstring>

#include "level.h"
#include "products.h"
#include "runtime/context.h"

namespace ettin {

namespace {

// The next multiple of 256, above 4096 of a sixteenth of an octave; few tokens are as they are.
int64_t rung(int64_t n) {
  if (n <= 256) return n;
  int64_t step = 256;
  while (step * 16 < n) step *= 2;
  return cuda::round_up(n, step);
}

int type_of(DType dtype) { return dtype == DType::bfloat16 ? lt::real_16bf : lt::real_32f; }

// The largest power of two, up to 256, that an address is a multiple of.
int32_t alignment(const void* p) {
  const auto address = reinterpret_cast<uintptr_t>(p) | 256;
  return static_cast<int32_t>(address & (~address + 1));
}

// Whether cuBLASLt only says that it cannot do this, and another plan may: a value that is not valid, another
// architecture, not supported.
bool is_refusal(int status) { return status == 7 || status == 8 || status == 15; }

template <class T, class Y>
__global__ void cast_kernel(Y* y, const T* x, int64_t n) {
  for (int64_t i = cuda::thread_of_grid(); i < n; i += cuda::threads_of_grid())
    cuda::store(y + i, cuda::to_float(x[i]));
}

// y [batch,M,N] = bias [N] (nothing: zeros), or y += with `add`.
template <class Y, class B>
__global__ void fill_rows(Y* y, const B* bias, int64_t n, int64_t M, int64_t N, int64_t stride, int64_t batch_stride,
                          bool add) {
  for (int64_t i = cuda::thread_of_grid(); i < n; i += cuda::threads_of_grid()) {
    const int64_t row = i / N, col = i % N;
    Y* at = y + row / M * batch_stride + row % M * stride + col;
    const float b = bias ? cuda::to_float(bias[col]) : 0.0f;
    cuda::store(at, add ? cuda::to_float(*at) + b : b);
  }
}

void fill_with_bias(Context& context, const Product& p, const void* bias, DType bias_dtype) {
  const Matrix& y = p.y;
  const int64_t n = y.rows * y.cols * p.batch;
  cuda::by_float(y.dtype, [&]<class Y>() {
    cuda::by_float(bias_dtype, [&]<class B>() {
      cuda::launch(context, fill_rows<Y, B>, cuda::blocks_for(n, 256), dim3(256), 0, static_cast<Y*>(y.data),
                   static_cast<const B*>(bias), n, y.rows, y.cols, y.stride, y.batch_stride, p.accumulate);
    });
  });
}

}  // namespace

ProductsPointer make_products() {
  return {new Products, [](Products* products) { delete products; }};
}

Matrix matrix_of(const View& x) {
  const int64_t cols = cuda::last(x);
  return {x.data, x.dtype, cuda::rows(x), cols, cols, false, 0};
}

void cast(Context& context, void* to, DType to_dtype, const void* from, DType from_dtype, int64_t n) {
  if (n == 0) return;
  cuda::by_float(to_dtype, [&]<class Y>() {
    cuda::by_float(from_dtype, [&]<class X>() {
      cuda::launch(context, cast_kernel<X, Y>, cuda::blocks_for(n, 256), dim3(256), 0, static_cast<Y*>(to),
                   static_cast<const X*>(from), n);
    });
  });
}

Matrix weight_in(Context& context, const View& w, DType dtype) {
  Matrix m = matrix_of(w);
  if (w.dtype == dtype) return m;
  const int64_t n = cuda::size_of(w), bytes = n * (dtype == DType::bfloat16 ? 2 : 4);
  bool filled = false;
  void* copy = packed_copy(context, w, static_cast<int>(dtype), bytes, &filled);
  if (!copy) copy = scratch(context, bytes);
  if (!filled) cast(context, copy, dtype, w.data, w.dtype, n);
  m.data = copy;
  m.dtype = dtype;
  return m;
}

void multiply(Context& context, const Product& p) {
  const int64_t M = p.y.rows, N = p.y.cols, K = p.a.transposed ? p.a.rows : p.a.cols;
  if (M == 0 || N == 0 || p.batch == 0) return;
  if (K == 0) return fill_with_bias(context, p, p.bias, p.bias_dtype);

  const void* bias = p.bias;
  if (bias && p.bias_dtype != p.y.dtype) {
    void* same = scratch(context, N * (p.y.dtype == DType::bfloat16 ? 2 : 4));
    cast(context, same, p.y.dtype, bias, p.bias_dtype, N);
    bias = same;
  }

  // Columns first: their product is b · a, each as it lies.
  ProductKey exact;
  std::memset(&exact, 0, sizeof exact);
  exact.m = N;
  exact.n = M;
  exact.k = K;
  exact.lda = p.b.stride;
  exact.ldb = p.a.stride;
  exact.ldd = p.y.stride;
  exact.batch = p.batch;
  if (p.batch > 1) {
    exact.stride_a = p.b.batch_stride;
    exact.stride_b = p.a.batch_stride;
    exact.stride_d = p.y.batch_stride;
  }
  exact.type_a = type_of(p.a.dtype);
  exact.type_d = type_of(p.y.dtype);
  exact.op_a = p.b.transposed ? lt::op_t : lt::op_n;
  exact.op_b = p.a.transposed ? lt::op_t : lt::op_n;
  exact.align_a = alignment(p.b.data);
  exact.align_b = alignment(p.a.data);
  exact.align_d = alignment(p.y.data);
  exact.align_bias = bias ? alignment(bias) : 0;
  // Rows count tokens, or the sum goes over them: one plan serves the sizes up to a rung. The entries of a batch are as
  // far apart as their size says, and each size has its own plan.
  ProductKey key = exact;
  if (p.batch == 1 && !p.a.transposed) key.n = rung(M);
  if (p.batch == 1 && p.a.transposed && !p.b.transposed) key.k = rung(K);

  Products& products = *context.products;
  ProductOperands with{p.b.data, p.a.data, bias, p.y.data, p.accumulate ? 1.0f : 0.0f};
  int status = products.run(context, key, exact, with);
  if (is_refusal(status) && !(key == exact)) status = products.run(context, exact, exact, with);
  if (is_refusal(status) && bias) {  // without help for the bias: it is in y before the product is added
    fill_with_bias(context, p, bias, p.y.dtype);
    exact.align_bias = 0;
    with.bias = nullptr;
    with.beta = 1.0f;
    status = products.run(context, exact, exact, with);
  }
  if (status == 0) return;
  const cudaError_t device = cudaStreamQuery(context.stream);
  if (device != cudaErrorNotReady) cuda::check(device, "product");
  fail(
      "cuBLASLt refuses a product of [%lld,%lld] and [%lld,%lld], status %d. Run ettin doctor, or name another "
      "cuBLASLt "
      "by ETTIN_CUBLASLT.",
      static_cast<long long>(M), static_cast<long long>(K), static_cast<long long>(K), static_cast<long long>(N),
      status);
}

}  // namespace ettin
