#include "products.h"

#include "level.h"
#include "runtime/context.h"

namespace ettin {

namespace {

constexpr int64_t workspace_bytes = int64_t{64} << 20;  // what NVIDIA advises for Hopper is half of it
constexpr size_t most_plans = 4096;
constexpr int not_supported = 15;

void must(int status, const char* what) {
  if (status != 0)
    fail("cuBLASLt: %s: status %d. Run ettin doctor, or name another cuBLASLt by ETTIN_CUBLASLT.", what, status);
}

template <class T>
void set(lt::Layout layout, lt::LayoutAttribute attribute, const T& value) {
  must(cublaslt().MatrixLayoutSetAttribute(layout, attribute, &value, sizeof value), "layout");
}
template <class T>
void set(lt::Desc desc, lt::DescAttribute attribute, const T& value) {
  must(cublaslt().MatmulDescSetAttribute(desc, attribute, &value, sizeof value), "product");
}
template <class T>
void set(lt::Preference preference, lt::PreferenceAttribute attribute, const T& value) {
  must(cublaslt().MatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value), "preference");
}

lt::Layout layout(int type, int64_t ld, int64_t batch, int64_t stride) {
  lt::Layout made = nullptr;
  must(cublaslt().MatrixLayoutCreate(&made, type, 1, 1, ld), "layout");
  if (batch > 1) {
    set(made, lt::layout_batch_count, static_cast<int32_t>(batch));
    set(made, lt::layout_strided_batch_offset, stride);
  }
  return made;
}

void resize(lt::Layout layout, bool turned, int64_t rows, int64_t cols) {
  set(layout, lt::layout_rows, turned ? cols : rows);
  set(layout, lt::layout_cols, turned ? rows : cols);
}

}  // namespace

size_t Products::Hash::operator()(const ProductKey& key) const {
  uint64_t hash = 14695981039346656037u;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&key);
  for (size_t i = 0; i < sizeof key; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
  return static_cast<size_t>(hash);
}

Products::~Products() {
  if (!handle_) return;
  forget();
  cublaslt().Destroy(handle_);
}

void Products::open(Context& context) {
  must(cublaslt().Create(&handle_), "create");
  workspace_ = context.host.take(context.host.executor, workspace_bytes);
  if (!workspace_) {
    cublaslt().Destroy(handle_);
    handle_ = nullptr;
    fail("workspace of %lld MB for matrix products: no memory. Lower the batch size.",
         static_cast<long long>(workspace_bytes >> 20));
  }
}

void Products::destroy(Plan& plan) {
  const Cublaslt& c = cublaslt();
  if (plan.desc) c.MatmulDescDestroy(plan.desc);
  for (lt::Layout layout : {plan.a, plan.b, plan.d}) {
    if (layout) c.MatrixLayoutDestroy(layout);
  }
}

void Products::forget() {
  for (auto& [key, plan] : plans_) destroy(plan);
  plans_.clear();
}

Products::Plan& Products::plan(const ProductKey& key, const void* bias) {
  const auto found = plans_.find(key);
  if (found != plans_.end()) return found->second;
  if (plans_.size() >= most_plans) forget();
  return plans_.emplace(key, make(key, bias)).first->second;
}

// The heuristic sees what will run: strides, the bias and what they are aligned to.
Products::Plan Products::make(const ProductKey& key, const void* bias) const {
  const Cublaslt& c = cublaslt();
  Plan plan;
  must(c.MatmulDescCreate(&plan.desc, lt::compute_32f, lt::real_32f), "product");
  set(plan.desc, lt::desc_transa, key.op_a);
  set(plan.desc, lt::desc_transb, key.op_b);
  if (bias) {
    set(plan.desc, lt::desc_epilogue, int32_t{lt::epilogue_bias});
    set(plan.desc, lt::desc_bias_data_type, key.type_d);
    set(plan.desc, lt::desc_bias_pointer, bias);
  }
  plan.a = layout(key.type_a, key.lda, key.batch, key.stride_a);
  plan.b = layout(key.type_a, key.ldb, key.batch, key.stride_b);
  plan.d = layout(key.type_d, key.ldd, key.batch, key.stride_d);
  resize(plan.a, key.op_a == lt::op_t, key.m, key.k);
  resize(plan.b, key.op_b == lt::op_t, key.k, key.n);
  resize(plan.d, false, key.m, key.n);

  lt::Preference preference = nullptr;
  must(c.MatmulPreferenceCreate(&preference), "preference");
  set(preference, lt::preference_max_workspace_bytes, static_cast<uint64_t>(workspace_bytes));
  // Sums in float32, in one order.
  set(preference, lt::preference_reduction_scheme_mask, uint32_t{lt::reduction_compute_type});
  set(preference, lt::preference_min_alignment_a_bytes, static_cast<uint32_t>(key.align_a));
  set(preference, lt::preference_min_alignment_b_bytes, static_cast<uint32_t>(key.align_b));
  set(preference, lt::preference_min_alignment_c_bytes, static_cast<uint32_t>(key.align_d));
  set(preference, lt::preference_min_alignment_d_bytes, static_cast<uint32_t>(key.align_d));
  lt::HeuristicResult best{};
  int returned = 0;
  plan.status =
      c.MatmulAlgoGetHeuristic(handle_, plan.desc, plan.a, plan.b, plan.d, plan.d, preference, 1, &best, &returned);
  c.MatmulPreferenceDestroy(preference);
  if (plan.status == 0) plan.status = returned == 0 ? not_supported : best.state;
  plan.algorithm = best.algorithm;
  return plan;
}

int Products::run(Context& context, const ProductKey& key, const ProductKey& real, const ProductOperands& with) {
  if (!handle_) open(context);
  Plan& made = plan(key, with.bias);
  if (made.status != 0) return made.status;
  resize(made.a, key.op_a == lt::op_t, real.m, real.k);
  resize(made.b, key.op_b == lt::op_t, real.k, real.n);
  resize(made.d, false, real.m, real.n);
  if (with.bias) set(made.desc, lt::desc_bias_pointer, with.bias);
  const float alpha = 1.0f;
  return cublaslt().Matmul(handle_, made.desc, &alpha, with.a, made.a, with.b, made.b, &with.beta, with.d, made.d,
                           with.d, made.d, &made.algorithm, workspace_, static_cast<size_t>(workspace_bytes),
                           context.stream);
}

}  // namespace ettin
