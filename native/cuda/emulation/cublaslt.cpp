// cuBLASLt by its definition: d = alpha op(a) op(b) + beta c + bias, columns first. What is tested with it is that
// gemm.cu asks for the right product, and asks for the algorithm of the product that it then runs: one that was chosen
// for addresses and strides of some alignment refuses others.
//
// ETTIN_EMULATION_CUBLASLT, when a device is opened: "sizes": an algorithm refuses all sizes but those it was chosen
// for; "epilogues": there is none that adds a bias; "all": there is none at all.
#include "../cublaslt.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../../kernel.h"

namespace ettin {

namespace lt {
struct HandleRecord {
  std::string refuses;
};
struct DescRecord {
  int32_t op_a = op_n, op_b = op_n, epilogue = epilogue_default, bias_type = -1;
  const void* bias = nullptr;
};
struct LayoutRecord {
  int type;
  uint64_t rows, cols;
  int64_t ld;
  int32_t batch = 1;
  int64_t stride = 0;
};
struct PreferenceRecord {
  uint32_t alignment[4] = {256, 256, 256, 256};
};
}  // namespace lt

namespace {

constexpr int invalid = 7, not_supported = 15;

// What lies in an algorithm: what it was chosen for.
struct Chosen {
  uint32_t a, b, d, bias;  // alignments in bytes
  uint64_t m, n, k;
};
static_assert(sizeof(Chosen) <= sizeof(lt::Algorithm));

float read(const void* p, int type, int64_t i) {
  if (type == lt::real_32f) return static_cast<const float*>(p)[i];
  return cuda::to_float(static_cast<const cuda::bf16*>(p)[i]);
}
void write(void* p, int type, int64_t i, float x) {
  if (type == lt::real_32f) {
    static_cast<float*>(p)[i] = x;
  } else {
    cuda::store(static_cast<cuda::bf16*>(p) + i, x);
  }
}

int set_desc(lt::Desc d, lt::DescAttribute attribute, const void* value, size_t bytes) {
  const auto take = [&](auto& field) {
    if (bytes != sizeof field) return invalid;
    std::memcpy(&field, value, bytes);
    return 0;
  };
  switch (attribute) {
    case lt::desc_transa:
      return take(d->op_a);
    case lt::desc_transb:
      return take(d->op_b);
    case lt::desc_epilogue:
      return take(d->epilogue);
    case lt::desc_bias_pointer:
      return take(d->bias);
    case lt::desc_bias_data_type:
      return take(d->bias_type);
  }
  return invalid;
}

int set_layout(lt::Layout l, lt::LayoutAttribute attribute, const void* value, size_t bytes) {
  if (attribute == lt::layout_rows && bytes == 8) return std::memcpy(&l->rows, value, 8), 0;
  if (attribute == lt::layout_cols && bytes == 8) return std::memcpy(&l->cols, value, 8), 0;
  if (attribute == lt::layout_batch_count && bytes == 4) return std::memcpy(&l->batch, value, 4), 0;
  if (attribute == lt::layout_strided_batch_offset && bytes == 8) return std::memcpy(&l->stride, value, 8), 0;
  return invalid;
}

int set_preference(lt::Preference p, lt::PreferenceAttribute attribute, const void* value, size_t bytes) {
  if (attribute == lt::preference_max_workspace_bytes) return bytes == 8 ? 0 : invalid;
  if (bytes != 4) return invalid;
  const int place = attribute - lt::preference_min_alignment_a_bytes;
  if (place >= 0 && place < 4) std::memcpy(&p->alignment[place], value, 4);
  return 0;
}

// Whether shapes, types and leading dimensions fit together.
bool fits(lt::Desc desc, lt::Layout a, lt::Layout b, lt::Layout d) {
  const bool ta = desc->op_a == lt::op_t, tb = desc->op_b == lt::op_t;
  const uint64_t m = ta ? a->cols : a->rows, k = ta ? a->rows : a->cols;
  const uint64_t n = tb ? b->rows : b->cols, of_b = tb ? b->cols : b->rows;
  if (d->rows != m || d->cols != n || of_b != k || a->type != b->type) return false;
  if (a->type == lt::real_32f && d->type != lt::real_32f) return false;
  if (desc->epilogue == lt::epilogue_bias && desc->bias_type != d->type) return false;
  for (lt::Layout l : {a, b, d}) {
    if (l->ld < static_cast<int64_t>(l->rows) || l->batch != d->batch) return false;
  }
  return true;
}

bool aligned(const void* p, uint64_t to) { return reinterpret_cast<uintptr_t>(p) % to == 0; }

int64_t width_of(lt::Layout l) { return l->type == lt::real_32f ? 4 : 2; }

// Of every row in every entry of a batch.
bool aligned(const void* p, lt::Layout l, uint32_t to) {
  return aligned(p, to) && l->ld * width_of(l) % to == 0 && (l->batch == 1 || l->stride * width_of(l) % to == 0);
}

// The most that rows can be aligned to, up to what the address is.
uint32_t alignment(lt::Layout l, uint32_t address) {
  while (!aligned(nullptr, l, address)) address /= 2;
  return address;
}

int heuristic(lt::Handle handle, lt::Desc desc, lt::Layout a, lt::Layout b, lt::Layout, lt::Layout d, lt::Preference p,
              int, lt::HeuristicResult* result, int* returned) {
  *returned = 0;
  if (!fits(desc, a, b, d)) return invalid;
  const bool biased = desc->epilogue == lt::epilogue_bias;
  if (biased && !desc->bias) return invalid;
  if (handle->refuses == "all" || (biased && handle->refuses == "epilogues")) return not_supported;
  uint32_t bias = 16;
  while (biased && !aligned(desc->bias, bias)) bias /= 2;
  const Chosen chosen{alignment(a, p->alignment[0]),
                      alignment(b, p->alignment[1]),
                      alignment(d, p->alignment[3]),
                      bias,
                      d->rows,
                      d->cols,
                      desc->op_a == lt::op_t ? a->rows : a->cols};
  *result = {};
  std::memcpy(result->algorithm.data, &chosen, sizeof chosen);
  *returned = 1;
  return 0;
}

float dot(const float* a, const float* b, int64_t n) {
  constexpr int parts = 8;
  double sums[parts] = {};
  int64_t x = 0;
  for (; x + parts <= n; x += parts) {
    for (int p = 0; p < parts; p++) sums[p] += double{a[x + p]} * double{b[x + p]};
  }
  for (; x < n; x++) sums[0] += double{a[x]} * double{b[x]};
  for (int p = 1; p < parts; p++) sums[0] += sums[p];
  return static_cast<float>(sums[0]);
}

// A product that has been asked for: it runs now, or whenever the graph that it is part of does.
struct Product {
  lt::DescRecord desc;
  lt::LayoutRecord la, lb, ld;
  const void *a, *b, *c;
  void* d;
  float scale, keep;
  bool ta, tb;
  int64_t m, n, k;

  void run() const {
    // Both operands as rows of k: one multiplication follows the other in memory.
    std::vector<float> rows_a(static_cast<size_t>(m * k)), rows_b(static_cast<size_t>(n * k));
    for (int64_t batch = 0; batch < ld.batch; batch++) {
      for (int64_t i = 0; i < m; i++) {
        for (int64_t x = 0; x < k; x++) {
          rows_a[static_cast<size_t>(i * k + x)] =
              read(a, la.type, batch * la.stride + (ta ? i * la.ld + x : x * la.ld + i));
        }
      }
      for (int64_t j = 0; j < n; j++) {
        for (int64_t x = 0; x < k; x++) {
          rows_b[static_cast<size_t>(j * k + x)] =
              read(b, lb.type, batch * lb.stride + (tb ? x * lb.ld + j : j * lb.ld + x));
        }
      }
      for (int64_t j = 0; j < n; j++) {
        for (int64_t i = 0; i < m; i++) {
          const int64_t at = batch * ld.stride + j * ld.ld + i;
          float y = scale * dot(&rows_a[static_cast<size_t>(i * k)], &rows_b[static_cast<size_t>(j * k)], k);
          if (keep != 0) y += keep * read(c, ld.type, at);
          if (desc.epilogue == lt::epilogue_bias) y += read(desc.bias, ld.type, i);
          write(d, ld.type, at, y);
        }
      }
    }
  }
};

int matmul(lt::Handle handle, lt::Desc desc, const void* alpha, const void* a, lt::Layout la, const void* b,
           lt::Layout lb, const void* beta, const void* c, lt::Layout, void* d, lt::Layout ld,
           const lt::Algorithm* algorithm, void*, size_t, cudaStream_t) {
  Chosen chosen;
  std::memcpy(&chosen, algorithm->data, sizeof chosen);
  if (!fits(desc, la, lb, ld)) return invalid;
  if (!aligned(a, la, chosen.a) || !aligned(b, lb, chosen.b) || !aligned(d, ld, chosen.d)) return invalid;
  if (desc->epilogue == lt::epilogue_bias && !aligned(desc->bias, chosen.bias)) return invalid;
  const bool ta = desc->op_a == lt::op_t, tb = desc->op_b == lt::op_t;
  const auto k = static_cast<int64_t>(ta ? la->rows : la->cols);
  const bool same = ld->rows == chosen.m && ld->cols == chosen.n && static_cast<uint64_t>(k) == chosen.k;
  if (handle->refuses == "sizes" && !same) return not_supported;
  const Product product{*desc,
                        *la,
                        *lb,
                        *ld,
                        a,
                        b,
                        c,
                        d,
                        *static_cast<const float*>(alpha),
                        *static_cast<const float*>(beta),
                        ta,
                        tb,
                        static_cast<int64_t>(ld->rows),
                        static_cast<int64_t>(ld->cols),
                        k};
  emulation::in_stream([product] {
    product.run();
    return cudaSuccess;
  });
  return 0;
}

const Cublaslt functions = {
    .GetVersion = []() -> size_t { return 130000; },
    .Create =
        [](lt::Handle* h) {
          const char* text = std::getenv("ETTIN_EMULATION_CUBLASLT");
          return *h = new lt::HandleRecord{text ? text : ""}, 0;
        },
    .Destroy = [](lt::Handle h) { return delete h, 0; },
    .MatmulDescCreate = [](lt::Desc* d, lt::ComputeType, int) { return *d = new lt::DescRecord, 0; },
    .MatmulDescDestroy = [](lt::Desc d) { return delete d, 0; },
    .MatmulDescSetAttribute = set_desc,
    .MatrixLayoutCreate =
        [](lt::Layout* l, int type, uint64_t rows, uint64_t cols, int64_t ld) {
          return *l = new lt::LayoutRecord{type, rows, cols, ld}, 0;
        },
    .MatrixLayoutDestroy = [](lt::Layout l) { return delete l, 0; },
    .MatrixLayoutSetAttribute = set_layout,
    .MatmulPreferenceCreate = [](lt::Preference* p) { return *p = new lt::PreferenceRecord, 0; },
    .MatmulPreferenceDestroy = [](lt::Preference p) { return delete p, 0; },
    .MatmulPreferenceSetAttribute = set_preference,
    .MatmulAlgoGetHeuristic = heuristic,
    .Matmul = matmul,
};

}  // namespace

const Cublaslt& cublaslt() { return functions; }
void cublaslt_version(int64_t* version, char* name, size_t capacity) {
  *version = 130000;
  std::snprintf(name, capacity, "emulated");
}

}  // namespace ettin
