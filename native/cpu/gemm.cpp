// Matrix products for every op: gemm.h says what they promise.
#include "gemm.h"

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

extern const int64_t panel_cols = 16;

namespace {

float read(const Matrix& m, int64_t row, int64_t col) {
  const void* p = element(m, row, col);
  return m.dtype == DType::bfloat16 ? to_float(*static_cast<const bf16*>(p)) : *static_cast<const float*>(p);
}

}  // namespace

int64_t packed_bytes(int64_t rows, int64_t cols, DType) { return round_up(cols, panel_cols) * round_up(rows, 2) * 4; }

Packed pack(Context& context, void* data, const Matrix& b, DType precision) {
  const Packed packed{static_cast<char*>(data), precision, b.rows, b.cols, panel_cols * round_up(b.rows, 2) * 4};
  parallel_for(context, ceil_div(b.cols, panel_cols), [&](int64_t panel, int) {
    float* p = reinterpret_cast<float*>(packed.data + panel * packed.panel_bytes);
    for (int64_t k = 0; k < b.rows; k++) {
      for (int64_t c = 0; c < panel_cols; c++) {
        const int64_t col = panel * panel_cols + c;
        const float x = col < b.cols ? read(b, k, col) : 0.0f;
        p[k * panel_cols + c] = precision == DType::bfloat16 ? to_float(to_bf16(x)) : x;
      }
    }
  });
  return packed;
}

Packed packed_block(const Packed& b, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  return {b.data + col / panel_cols * b.panel_bytes + row * panel_cols * 4, b.precision, rows, cols, b.panel_bytes};
}

Packed packed_weight(Context& context, const View& w, bool transpose, DType precision) {
  Matrix b = as_matrix(w);
  if (transpose) b = transposed(b);
  const int64_t bytes = packed_bytes(b.rows, b.cols, precision);
  bool filled = false;
  const int kind = 1 + (transpose ? 1 : 0) + (precision == DType::bfloat16 ? 2 : 0);
  void* data = packed_copy(context, w, kind, bytes, &filled);
  if (filled) return {static_cast<char*>(data), precision, b.rows, b.cols, panel_cols * round_up(b.rows, 2) * 4};
  return pack(context, data ? data : scratch(context, bytes), b, precision);
}

Workspace gemm_workspace(Context&) { return {nullptr, 0}; }

void gemm_alone(const Workspace&, int, const Matrix& y, const Matrix& a, const Packed& b, const float* bias, bool accumulate) {
  for (int64_t r = 0; r < y.rows; r++) {
    for (int64_t c = 0; c < y.cols; c++) {
      const float* p = reinterpret_cast<const float*>(b.data + c / panel_cols * b.panel_bytes) + c % panel_cols;
      vf sum = set((bias ? bias[c] : 0.0f) + (accumulate ? read(y, r, c) : 0.0f));
      for (int64_t k = 0; k < a.cols; k++) sum = fma(set(read(a, r, k)), set(p[k * panel_cols]), sum);
      by_float(y.dtype, [&]<class T>() { store_part(static_cast<T*>(element(y, r, c)), sum, 1); });
    }
  }
}

void gemm_alone(const Workspace&, int, const Matrix& y, const Matrix& a, const Matrix& b, const float* bias, bool accumulate) {
  for (int64_t r = 0; r < y.rows; r++) {
    for (int64_t c = 0; c < y.cols; c++) {
      vf sum = set((bias ? bias[c] : 0.0f) + (accumulate ? read(y, r, c) : 0.0f));
      for (int64_t k = 0; k < a.cols; k++) {
        const float x = read(b, k, c);
        sum = fma(set(read(a, r, k)), set(a.dtype == DType::bfloat16 ? to_float(to_bf16(x)) : x), sum);
      }
      by_float(y.dtype, [&]<class T>() { store_part(static_cast<T*>(element(y, r, c)), sum, 1); });
    }
  }
}

void gemm(Context& context, const Workspace& workspace, const Matrix& y, const Matrix& a, const Packed& b, const float* bias, bool accumulate) {
  parallel_for(context, y.rows, [&](int64_t r, int worker) {
    gemm_alone(workspace, worker, block(y, r, 1, 0, y.cols), block(a, r, 1, 0, a.cols), b, bias, accumulate);
  });
}

void gemm(Context& context, const Workspace& workspace, const Matrix& y, const Matrix& a, const Matrix& b, const float* bias, bool accumulate) {
  parallel_for(context, y.rows, [&](int64_t r, int worker) {
    gemm_alone(workspace, worker, block(y, r, 1, 0, y.cols), block(a, r, 1, 0, a.cols), b, bias, accumulate);
  });
}

const float* float_bias(Context& context, const View& bias) {
  if (!present(bias) || bias.dtype == DType::float32) return as<float>(bias);
  const int64_t n = size_of(bias);
  float* y = static_cast<float*>(scratch(context, n * 4));
  for (int64_t i = 0; i < n; i++) y[i] = to_float(as<bf16>(bias)[i]);
  return y;
}

}  // namespace ettin::ETTIN_LEVEL
