// Products by cuBLASLt. It counts columns first: a row-major y = a · b is its yᵀ = bᵀ · aᵀ, so the operands change
// places and nothing is moved. A plan (descriptors and the algorithm that the library's heuristic prefers) is made once
// for each kind of product and kept.
#include "gemm.h"

#include <cstring>
#include <string>
#include <unordered_map>

#include "cublaslt.h"
#include "level.h"
#include "runtime/context.h"

namespace ettin {

namespace {

constexpr size_t workspace_bytes = size_t{64} << 20;  // what NVIDIA advises for Hopper is half of it

void must(int status, const char* what) {
  if (status != 0)
    fail("cuBLASLt: %s: status %d. Run ettin doctor, or name another cuBLASLt by ETTIN_CUBLASLT.", what, status);
}

// All that a plan depends on; compared as bytes. n and k are rungs where they count tokens.
struct Key {
  int64_t m, n, k, lda, ldb, ldd, batch;
  int32_t type_a, type_d, op_a, op_b, bias, align_a, align_b, align_d;
  bool operator==(const Key& other) const { return std::memcmp(this, &other, sizeof(Key)) == 0; }
};
struct KeyHash {
  size_t operator()(const Key& key) const {
    uint64_t hash = 14695981039346656037u;
    const auto* bytes = reinterpret_cast<const unsigned char*>(&key);
    for (size_t i = 0; i < sizeof(Key); i++) hash = (hash ^ bytes[i]) * 1099511628211u;
    return static_cast<size_t>(hash);
  }
};

struct Plan {
  lt::Desc desc = nullptr;
  lt::Layout a = nullptr, b = nullptr, d = nullptr;
  lt::Algorithm algorithm{};
};

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

template <class T, class Y>
__global__ void cast_kernel(Y* y, const T* x, int64_t n) {
  for (int64_t i = cuda::thread_of_grid(); i < n; i += cuda::threads_of_grid())
    cuda::store(y + i, cuda::to_float(x[i]));
}

template <class Y, class B>
__global__ void fill_rows(Y* y, const B* bias, int64_t n, int64_t N, bool accumulate) {
  for (int64_t i = cuda::thread_of_grid(); i < n; i += cuda::threads_of_grid()) {
    const float b = bias ? cuda::to_float(bias[i % N]) : 0.0f;
    cuda::store(y + i, accumulate ? cuda::to_float(y[i]) + b : b);
  }
}

}  // namespace

class Products {
 public:
  ~Products() {
    if (!handle_) return;
    for (auto& [key, plan] : plans_) destroy(plan);
    cublaslt().Destroy(handle_);
    cudaFree(workspace_);
  }

  const Plan& plan(const Key& key) {
    if (!handle_) open();
    const auto found = plans_.find(key);
    if (found != plans_.end()) return found->second;
    return plans_.emplace(key, make(key)).first->second;
  }

  lt::Handle handle() const { return handle_; }
  void* workspace() const { return workspace_; }

 private:
  void open() {
    must(cublaslt().Create(&handle_), "create");
    if (cudaMalloc(&workspace_, workspace_bytes) != cudaSuccess) {
      cudaGetLastError();
      fail("workspace of %lld MB for matrix products: no memory. Lower the batch size.",
           static_cast<long long>(workspace_bytes >> 20));
    }
  }

  static void destroy(Plan& plan) {
    const Cublaslt& c = cublaslt();
    if (plan.desc) c.MatmulDescDestroy(plan.desc);
    for (lt::Layout layout : {plan.a, plan.b, plan.d}) {
      if (layout) c.MatrixLayoutDestroy(layout);
    }
  }

  static lt::Layout layout(int type, int64_t rows, int64_t cols, int64_t ld, int64_t batch) {
    const Cublaslt& c = cublaslt();
    lt::Layout made = nullptr;
    must(c.MatrixLayoutCreate(&made, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(cols), ld), "layout");
    if (batch > 1) {
      const auto count = static_cast<int32_t>(batch);
      must(c.MatrixLayoutSetAttribute(made, lt::layout_batch_count, &count, sizeof count), "batch");
    }
    return made;
  }

  Plan make(const Key& key) const {
    const Cublaslt& c = cublaslt();
    Plan plan;
    must(c.MatmulDescCreate(&plan.desc, lt::compute_32f, lt::real_32f), "product");
    must(c.MatmulDescSetAttribute(plan.desc, lt::desc_transa, &key.op_a, sizeof key.op_a), "transa");
    must(c.MatmulDescSetAttribute(plan.desc, lt::desc_transb, &key.op_b, sizeof key.op_b), "transb");
    if (key.bias) {
      const int32_t epilogue = lt::epilogue_bias;
      must(c.MatmulDescSetAttribute(plan.desc, lt::desc_epilogue, &epilogue, sizeof epilogue), "epilogue");
      must(c.MatmulDescSetAttribute(plan.desc, lt::desc_bias_data_type, &key.type_d, sizeof key.type_d), "bias");
    }
    const bool ta = key.op_a == lt::op_t, tb = key.op_b == lt::op_t;
    plan.a = layout(key.type_a, ta ? key.k : key.m, ta ? key.m : key.k, key.lda, key.batch);
    plan.b = layout(key.type_a, tb ? key.n : key.k, tb ? key.k : key.n, key.ldb, key.batch);
    plan.d = layout(key.type_d, key.m, key.n, key.ldd, key.batch);

    lt::Preference preference = nullptr;
    must(c.MatmulPreferenceCreate(&preference), "preference");
    const auto set = [&](lt::PreferenceAttribute attribute, const auto& value) {
      must(c.MatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value), "preference");
    };
    set(lt::preference_max_workspace_bytes, uint64_t{workspace_bytes});
    set(lt::preference_reduction_scheme_mask, uint32_t{lt::reduction_compute_type});  // sums in float32, in one order
    set(lt::preference_min_alignment_a_bytes, static_cast<uint32_t>(key.align_a));
    set(lt::preference_min_alignment_b_bytes, static_cast<uint32_t>(key.align_b));
    set(lt::preference_min_alignment_c_bytes, static_cast<uint32_t>(key.align_d));
    set(lt::preference_min_alignment_d_bytes, static_cast<uint32_t>(key.align_d));
    lt::HeuristicResult best{};
    int returned = 0;
    const int status =
        c.MatmulAlgoGetHeuristic(handle_, plan.desc, plan.a, plan.b, plan.d, plan.d, preference, 1, &best, &returned);
    c.MatmulPreferenceDestroy(preference);
    if (status != 0 || returned == 0 || best.state != 0) {
      destroy(plan);
      fail(
          "cuBLASLt has no algorithm for a product of [%lld,%lld] and [%lld,%lld], status %d. Name a newer one by "
          "ETTIN_CUBLASLT.",
          static_cast<long long>(key.n), static_cast<long long>(key.k), static_cast<long long>(key.k),
          static_cast<long long>(key.m), status);
    }
    plan.algorithm = best.algorithm;
    return plan;
  }

  lt::Handle handle_ = nullptr;
  void* workspace_ = nullptr;
  std::unordered_map<Key, Plan, KeyHash> plans_;
};

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

namespace {
// From the rung that the plan was made for to the matrix in hand.
void resize(lt::Layout layout, int64_t rows, int64_t cols, int64_t batch, int64_t stride) {
  const Cublaslt& c = cublaslt();
  must(c.MatrixLayoutSetAttribute(layout, lt::layout_rows, &rows, sizeof rows), "rows");
  must(c.MatrixLayoutSetAttribute(layout, lt::layout_cols, &cols, sizeof cols), "columns");
  if (batch > 1) {
    must(c.MatrixLayoutSetAttribute(layout, lt::layout_strided_batch_offset, &stride, sizeof stride), "batch stride");
  }
}
}  // namespace

void multiply(Context& context, const Product& p) {
  const int64_t M = p.y.rows, N = p.y.cols, K = p.a.transposed ? p.a.rows : p.a.cols;
  if (M == 0 || N == 0 || p.batch == 0) return;
  const int64_t all = M * N * p.batch;
  if (K == 0) {
    cuda::by_float(p.y.dtype, [&]<class Y>() {
      cuda::by_float(p.bias_dtype, [&]<class B>() {
        cuda::launch(context, fill_rows<Y, B>, cuda::blocks_for(all, 256), dim3(256), 0, static_cast<Y*>(p.y.data),
                     static_cast<const B*>(p.bias), all, N, p.accumulate);
      });
    });
    return;
  }

  const void* bias = p.bias;
  if (bias && p.bias_dtype != p.y.dtype) {
    void* same = scratch(context, N * (p.y.dtype == DType::bfloat16 ? 2 : 4));
    cast(context, same, p.y.dtype, bias, p.bias_dtype, N);
    bias = same;
  }

  Key key;
  std::memset(&key, 0, sizeof key);
  // Columns first: their product is b · a, each as it lies.
  const bool b_turned = p.b.transposed, a_turned = p.a.transposed;
  key.m = N;
  key.n = a_turned ? M : rung(M);
  key.k = a_turned && !b_turned ? rung(K) : K;
  key.lda = p.b.stride;
  key.ldb = p.a.stride;
  key.ldd = p.y.stride;
  key.batch = p.batch;
  key.type_a = type_of(p.a.dtype);
  key.type_d = type_of(p.y.dtype);
  key.op_a = b_turned ? lt::op_t : lt::op_n;
  key.op_b = a_turned ? lt::op_t : lt::op_n;
  key.bias = bias != nullptr;
  key.align_a = alignment(p.b.data);
  key.align_b = alignment(p.a.data);
  key.align_d = alignment(p.y.data);

  const Plan& plan = context.products->plan(key);
  const Cublaslt& c = cublaslt();
  resize(plan.a, b_turned ? K : N, b_turned ? N : K, p.batch, p.b.batch_stride);
  resize(plan.b, a_turned ? M : K, a_turned ? K : M, p.batch, p.a.batch_stride);
  resize(plan.d, N, M, p.batch, p.y.batch_stride);
  if (bias) must(c.MatmulDescSetAttribute(plan.desc, lt::desc_bias_pointer, &bias, sizeof bias), "bias");
  const float alpha = 1.0f, beta = p.accumulate ? 1.0f : 0.0f;
  must(c.Matmul(context.products->handle(), plan.desc, &alpha, p.b.data, plan.a, p.a.data, plan.b, &beta, p.y.data,
                plan.d, p.y.data, plan.d, &plan.algorithm, context.products->workspace(), workspace_bytes,
                context.stream),
       "product");
}

}  // namespace ettin
