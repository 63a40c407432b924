// Plans of cuBLASLt: descriptors of one kind of product and the algorithm that the library's heuristic prefers for it.
// A plan is made once and kept.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>
#include <unordered_map>

#include "cublaslt.h"

namespace ettin {

struct Context;

// All that an algorithm is chosen by, columns first; compared as bytes. Where m, n or k counts tokens a plan may serve
// other sizes than its own.
struct ProductKey {
  int64_t m, n, k, lda, ldb, ldd, batch, stride_a, stride_b, stride_d;
  int32_t type_a, type_d, op_a, op_b;
  int32_t align_a, align_b, align_d, align_bias;  // align_bias 0: no bias
  bool operator==(const ProductKey& other) const { return std::memcmp(this, &other, sizeof(ProductKey)) == 0; }
};

struct ProductOperands {
  const void *a, *b, *bias;
  void* d;
  float beta;
};

class Products {
 public:
  ~Products();

  // Runs the product of sizes `real` by the plan for `key`, which differs from it in sizes alone. 0, or cuBLASLt's
  // status.
  int run(Context& context, const ProductKey& key, const ProductKey& real, const ProductOperands& with);

 private:
  struct Plan {
    lt::Desc desc = nullptr;
    lt::Layout a = nullptr, b = nullptr, d = nullptr;
    lt::Algorithm algorithm{};
    int status = 0;  // not 0: there is no algorithm
  };
  struct Hash {
    size_t operator()(const ProductKey& key) const;
  };
  void open(Context& context);
  Plan& plan(const ProductKey& key, const void* bias);
  Plan make(const ProductKey& key, const void* bias) const;
  static void destroy(Plan& plan);
  void forget();

  lt::Handle handle_ = nullptr;
  void* workspace_ = nullptr;
  std::unordered_map<ProductKey, Plan, Hash> plans_;
};

}  // namespace ettin
