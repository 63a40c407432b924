// A weight [N,K] packed for x · wᵀ, as the only copy of it: there, back, and a row at a time.
#pragma once

#include "gemm.h"

namespace ettin::ETTIN_LEVEL {

int32_t weight_packing(DType x, DType w);
int64_t packed_weight_bytes(const PackedWeight& form);
void pack_weight(Context& context, const PackedWeight& to, void* from);
void unpack_weight(Context& context, void* to, const PackedWeight& from, int64_t first, int64_t count);

// The weight as a product's b [K,N].
Packed packed_weight(const PackedWeight& form);

// Where the elements of a weight's row lie in its packed form.
struct PackedRow {
  const char* data;    // of element 0
  int64_t step_bytes;  // from one step of the panel to the next
  int64_t per_step;    // elements of the row in a step, side by side

  PackedRow(const PackedWeight& form, int64_t n) {
    const Packed b = packed_weight(form);
    const int64_t j = n % panel_cols, v = j / lanes;
    const bool halves = b.packing == Packing::halves;
    // Halves: vectors 2i and 2i + 1 of columns share words, one in the lower parts, one in the upper.
    const int64_t place = halves ? (v / 2 * lanes + j % lanes) * 4 + v % 2 * 2 : j * 4;
    data = b.data + n / panel_cols * b.panel_bytes + place;
    step_bytes = panel_cols * (halves ? 2 : 4);
    per_step = b.packing == Packing::pairs ? 2 : 1;
  }

  // out[0], … are elements [from, to) of the row; T is the form's type of elements.
  template <class T>
  void read(T* out, int64_t from, int64_t to) const {
    for (int64_t k = from; k < to; k++) {
      __builtin_memcpy(out++, data + k / per_step * step_bytes + k % per_step * sizeof(T), sizeof(T));
    }
  }
};

}  // namespace ettin::ETTIN_LEVEL
