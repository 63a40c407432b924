// The part of cuBLASLt that gemm.cu uses, declared by hand: the library is opened at run time, and no header of it is
// needed to build. Names and values are cublasLt.h's, of CUDA 12 and 13.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <cuda_runtime.h>

namespace ettin {

namespace lt {

enum ComputeType : int { compute_32f = 68 };
enum DataType : int { real_32f = 0, real_16bf = 14 };
enum Operation : int { op_n = 0, op_t = 1 };
enum DescAttribute : int {
  desc_transa = 3,
  desc_transb = 4,
  desc_epilogue = 7,
  desc_bias_pointer = 8,
  desc_bias_data_type = 26,
};
enum LayoutAttribute : int {
  layout_rows = 2,
  layout_cols = 3,
  layout_ld = 4,
  layout_batch_count = 5,
  layout_strided_batch_offset = 6,
};
enum PreferenceAttribute : int {
  preference_max_workspace_bytes = 1,
  preference_reduction_scheme_mask = 3,
  preference_min_alignment_a_bytes = 5,
  preference_min_alignment_b_bytes = 6,
  preference_min_alignment_c_bytes = 7,
  preference_min_alignment_d_bytes = 8,
};
enum ReductionScheme : uint32_t { reduction_compute_type = 2 };
enum Epilogue : int { epilogue_default = 1, epilogue_bias = 4 };

using Handle = struct HandleRecord*;
using Desc = struct DescRecord*;
using Layout = struct LayoutRecord*;
using Preference = struct PreferenceRecord*;
struct Algorithm {
  uint64_t data[8];
};
struct HeuristicResult {
  Algorithm algorithm;
  size_t workspace_bytes;
  int state;  // 0: usable
  float waves;
  int reserved[4];
};

}  // namespace lt

// The functions, by the names of the library without "cublasLt". Each but the version returns 0 for success.
#define ETTIN_CUBLASLT(F)                                                                                             \
  F(size_t, GetVersion, ())                                                                                           \
  F(int, Create, (lt::Handle*))                                                                                       \
  F(int, Destroy, (lt::Handle))                                                                                       \
  F(int, MatmulDescCreate, (lt::Desc*, lt::ComputeType, int scale_type))                                              \
  F(int, MatmulDescDestroy, (lt::Desc))                                                                               \
  F(int, MatmulDescSetAttribute, (lt::Desc, lt::DescAttribute, const void*, size_t))                                  \
  F(int, MatrixLayoutCreate, (lt::Layout*, int type, uint64_t rows, uint64_t cols, int64_t ld))                       \
  F(int, MatrixLayoutDestroy, (lt::Layout))                                                                           \
  F(int, MatrixLayoutSetAttribute, (lt::Layout, lt::LayoutAttribute, const void*, size_t))                            \
  F(int, MatmulPreferenceCreate, (lt::Preference*))                                                                   \
  F(int, MatmulPreferenceDestroy, (lt::Preference))                                                                   \
  F(int, MatmulPreferenceSetAttribute, (lt::Preference, lt::PreferenceAttribute, const void*, size_t))                \
  F(int, MatmulAlgoGetHeuristic,                                                                                      \
    (lt::Handle, lt::Desc, lt::Layout a, lt::Layout b, lt::Layout c, lt::Layout d, lt::Preference, int requested,     \
     lt::HeuristicResult*, int* returned))                                                                            \
  F(int, Matmul,                                                                                                      \
    (lt::Handle, lt::Desc, const void* alpha, const void* a, lt::Layout, const void* b, lt::Layout, const void* beta, \
     const void* c, lt::Layout, void* d, lt::Layout, const lt::Algorithm*, void* workspace, size_t workspace_bytes,   \
     cudaStream_t))

struct Cublaslt {
#define ETTIN_FIELD(result, name, parameters) result(*name) parameters;
  ETTIN_CUBLASLT(ETTIN_FIELD)
#undef ETTIN_FIELD
};

// Opened at the first call: libcublasLt.so.13, else .12, by ETTIN_CUBLASLT (a file), the loader's path, the toolkit's
// folder, or a Python environment's nvidia packages. Throws where there is none, with what was tried.
const Cublaslt& cublaslt();

// 0 and the reason in `name` where there is none, else the version and the file's name.
void cublaslt_version(int64_t* version, char* name, size_t capacity);

}  // namespace ettin
