// weight_form.h: packing is gemm.h's; unpacking copies the elements back, whatever their bits are.
#include "weight_form.h"

namespace ettin::ETTIN_LEVEL {

int32_t weight_packing(DType x, DType w) {
  const Packing packing = packing_of(x, w);
  const bool exact = (packing == Packing::singles) == (w == DType::float32);
  return exact ? static_cast<int32_t>(packing) : -1;
}

int64_t packed_weight_bytes(const PackedWeight& form) {
  return packed_bytes(form.in, form.out, static_cast<Packing>(form.packing));
}

Packed packed_weight(const PackedWeight& form) {
  return as_packed(form.data, form.in, form.out, static_cast<Packing>(form.packing));
}

void pack_weight(Context& context, const PackedWeight& to, void* from) {
  const Matrix b{from, to.dtype, to.in, to.out, 1, to.in};
  pack(context, to.data, b, static_cast<Packing>(to.packing));
}

void unpack_weight(Context& context, void* to, const PackedWeight& from, int64_t first, int64_t count) {
  const int64_t K = from.in, last = first + count;
  if (count == 0) return;
  const int64_t first_panel = first / K / panel_cols, panels = (last - 1) / K / panel_cols - first_panel + 1;
  by_float(from.dtype, [&]<class T>() {
    parallel_for(context, panels, [&](int64_t task, int) {
      const int64_t row = (first_panel + task) * panel_cols;
      constexpr int64_t piece = 64;  // of each row in turn, so that a line is read from memory once
      for (int64_t k = 0; k < K; k += piece) {
        for (int64_t n = row; n < min(row + panel_cols, from.out); n++) {
          const int64_t begin = max(n * K + k, first), end = min(n * K + min(k + piece, K), last);
          if (begin < end) PackedRow(from, n).read(static_cast<T*>(to) + begin - first, begin - n * K, end - n * K);
        }
      }
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
