/*
embedding: a row of the table for each token.

  forward    y[t] = w[ids[t]]                          cast where w and y differ in dtype
  backward   dw[v] = sum_{t : ids[t] = v} dy[t]        in the order of t (rows.h); float32

  w [V,C]   ids [T] int32   y, dy [T,C]   dw [V,C]

With `accumulate` only the rows of ids that occur are touched; without it the rest is filled with zeros.
*/
#include "rows.h"
#include "weight_form.h"

namespace ettin::ETTIN_LEVEL {

namespace {
void check_ids(const int32_t* ids, int64_t T, int64_t V) {
  const int64_t t = first_outside(ids, T, V);
  if (t < 0) return;
  fail(
      "id %d at place %lld is outside the vocabulary of %lld. Use the tokenizer of this model, or resize its "
      "embedding table.",
      ids[t], static_cast<long long>(t), static_cast<long long>(V));
}

template <class Y, class W>
void copy_cast(Y* out, const W* row, int64_t C) {
  for (int64_t c = 0; c < C; c += lanes) store(out + c, load(row + c, C - c), C - c);
}

template <class W, class Y>
void copy_packed_row(Y* out, const PackedRow& row, int64_t C) {
  constexpr int64_t piece = 256;
  W room[piece];
  for (int64_t c = 0; c < C; c += piece) {
    const int64_t n = min(piece, C - c);
    row.read(room, c, c + n);
    copy_cast(out + c, room, n);
  }
}
}  // namespace

void embedding_forward(Context& context, Out y, Weight w, View ids) {
  const int64_t T = size_of(ids), V = w.shape[0], C = w.shape[1];
  const auto* id = as<int32_t>(ids);
  check_ids(id, T, V);
  by_float(w.dtype, [&]<class W>() {
    by_float(y.dtype, [&]<class Y>() {
      parallel_chunks(context, T, max(int64_t{1}, 16384 / max(C, int64_t{1})), [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; t++) {
          Y* out = as<Y>(y) + t * C;
          if (w.packed.data) {
            copy_packed_row<W>(out, PackedRow(w.packed, id[t]), C);
          } else {
            copy_cast(out, as<W>(w) + id[t] * C, C);
          }
        }
      });
    });
  });
}

void embedding_backward(Context& context, InOut dw, View dy, View ids, bool accumulate) {
  const int64_t T = size_of(ids), V = dw.shape[0], C = dw.shape[1];
  const auto* id = as<int32_t>(ids);
  check_ids(id, T, V);
  if (!accumulate) zero_all(context, dw.data, V * C * 4);
  by_float(dy.dtype, [&]<class D>() { add_rows(context, as<float>(dw), as<D>(dy), id, T, V, C, accumulate); });
}

}  // namespace ettin::ETTIN_LEVEL
