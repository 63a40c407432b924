// Matrix products with few rows of a, as decoding has them: y costs what reading the packed b costs.
//
// Workers take runs of panels that lie one after the other, all of k at once. The sums of a panel for one row of a
// are one chain each, too short of work to keep up with the memory, so several panels run side by side.
#pragma once

#include "gemm_tile.h"

namespace ettin::ETTIN_LEVEL {

constexpr int64_t thin_rows = 16;
constexpr int64_t thin_depth = int64_t{1} << 16;  // its rows of a fit the workspace
constexpr int64_t thin_task_bytes = int64_t{1} << 17;
constexpr int64_t thin_piece_bytes = int64_t{1} << 14;  // of a panel, that several turns of rows read from the cache

// Who brings b from memory: nobody, this pass, a little ahead of its reading, or this pass for the next piece, which is
// read when the turns of this one are over.
enum class Fetch { none, here, next };

// What a tile starts from, or leaves behind, where that is not simply float32 at full width.
struct alignas(64) Edge {
  float at[tile_rows * tile_cols];
};

template <class T>
void fill_edge(float* at, int64_t stride, int64_t rows, int64_t cols, const float* bias, const T* y, int64_t y_stride) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < stride; c += lanes) {
      const int64_t n = max<int64_t>(min<int64_t>(cols - c, lanes), 0);
      const vf start = bias ? load_part(bias + c, n) : zero();
      const vf before = y ? load_part(y + r * y_stride + c, n) : start;
      store(at + r * stride + c, y && bias ? add(start, before) : before);
    }
  }
}
template <class T>
void copy_out(T* y, int64_t y_stride, int64_t rows, int64_t cols, const float* from, int64_t from_stride) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < cols; c += lanes) store(y + r * y_stride + c, load(from + r * from_stride + c), cols - c);
  }
}

// The rows of a: word w of row r at data + r * bytes + w * word_bytes.
struct ThinRows {
  const char* data;
  int64_t bytes;
  int64_t words;
};

// Panels side by side for one row or two; from three on a panel has work enough.
constexpr int thin_panels(int rows) { return rows == 1 ? 4 : 2; }

// sums[r] [panels * tile_cols] += rows of a times panels of b, over `words` words from `first` on.
template <class Arithmetic, int rows, int panels, Fetch fetch>
void thin_tile(float* sums, const ThinRows& a, int64_t row, int64_t first, int64_t words, const char* b,
               int64_t panel_bytes) {
  constexpr int64_t step_bytes = tile_cols * Arithmetic::b_bytes, sums_stride = panels * tile_cols;
  constexpr int64_t ahead = fetch == Fetch::next ? thin_piece_bytes : 1024;
  vf sum[rows][panels][tile_vectors];
  ETTIN_UNROLL for (int r = 0; r < rows; r++) {
    ETTIN_UNROLL for (int p = 0; p < panels; p++) {
      ETTIN_UNROLL for (int v = 0; v < tile_vectors; v++) {
        sum[r][p][v] = load(sums + r * sums_stride + p * tile_cols + v * lanes);
      }
    }
  }
  const char* a_row = a.data + row * a.bytes + first * word_bytes;
  const int64_t a_bytes = a.bytes;
  b += first * step_bytes;
  for (int64_t w = 0; w < words; w++) {
    ETTIN_UNROLL for (int p = 0; p < panels; p++) {
      if constexpr (fetch != Fetch::none) {
        constexpr int level = fetch == Fetch::next ? 2 : 3;  // the first is full of this piece
        ETTIN_UNROLL for (int64_t line = 0; line < step_bytes; line += 64) {
          __builtin_prefetch(b + p * panel_bytes + ahead + line, 0, level);
        }
      }
      typename Arithmetic::Words b_w[tile_vectors];
      Arithmetic::read(b_w, b + p * panel_bytes);
      ETTIN_UNROLL for (int r = 0; r < rows; r++) {
        const typename Arithmetic::Words a_w = Arithmetic::broadcast(a_row + r * a_bytes);
        ETTIN_UNROLL for (int v = 0; v < tile_vectors; v++) sum[r][p][v] = Arithmetic::step(a_w, b_w[v], sum[r][p][v]);
      }
    }
    a_row += word_bytes;
    b += step_bytes;
  }
  ETTIN_UNROLL for (int r = 0; r < rows; r++) {
    ETTIN_UNROLL for (int p = 0; p < panels; p++) {
      ETTIN_UNROLL for (int v = 0; v < tile_vectors; v++) {
        store(sums + r * sums_stride + p * tile_cols + v * lanes, sum[r][p][v]);
      }
    }
  }
}

// y where its sums begin, and where they are written: `rows` rows of `cols` columns.
template <class T>
struct ThinSums {
  T* y;
  int64_t y_stride, rows, cols;

  void begin(float* sums, int64_t stride, const float* bias, bool accumulate) const {
    fill_edge(sums, stride, rows, cols, bias, accumulate ? y : nullptr, y_stride);
  }
  void end(const float* sums, int64_t stride) const { copy_out(y, y_stride, rows, cols, sums, stride); }
};
template <class T>
ThinSums<T> thin_sums(const Matrix& y, int64_t col, int64_t most) {
  return {static_cast<T*>(y.data) + col, y.row_stride, y.rows, min(most, y.cols - col)};
}

// The one or two rows of y for the panels [first, last).
template <class Arithmetic, class T, int rows>
void thin_run(const Matrix& y, const ThinRows& a, const Packed& b, int64_t first, int64_t last, const float* bias,
              bool accumulate) {
  constexpr int together = thin_panels(rows);
  alignas(64) float sums[rows * together * tile_cols];
  while (first < last) {
    const bool whole = first + together <= last;
    const int64_t count = whole ? together : 1, col = first * tile_cols, stride = count * tile_cols;
    const char* panel = b.data + first * b.panel_bytes;
    const ThinSums<T> part = thin_sums<T>(y, col, stride);
    part.begin(sums, stride, bias ? bias + col : nullptr, accumulate);
    if (whole) {
      thin_tile<Arithmetic, rows, together, Fetch::here>(sums, a, 0, 0, a.words, panel, b.panel_bytes);
    } else {
      thin_tile<Arithmetic, rows, 1, Fetch::here>(sums, a, 0, 0, a.words, panel, b.panel_bytes);
    }
    part.end(sums, stride);
    first += count;
  }
}

// One panel for `rows` rows among many. The rows take turns at a piece of it that stays in the first-level cache; the
// last turn asks for the next piece, so that the memory is at work while they multiply.
template <class Arithmetic>
void thin_turn(int64_t rows, bool last, float* sums, const ThinRows& a, int64_t row, int64_t first, int64_t words,
               const char* panel) {
  const auto turn = [&]<int count>() {
    if (row == 0) {
      thin_tile<Arithmetic, count, 1, Fetch::here>(sums, a, row, first, words, panel, 0);
    } else if (last) {
      thin_tile<Arithmetic, count, 1, Fetch::next>(sums, a, row, first, words, panel, 0);
    } else {
      thin_tile<Arithmetic, count, 1, Fetch::none>(sums, a, row, first, words, panel, 0);
    }
  };
  switch (rows) {
    case 6:
      return turn.template operator()<6>();
    case 5:
      return turn.template operator()<5>();
    case 4:
      return turn.template operator()<4>();
    case 3:
      return turn.template operator()<3>();
    case 2:
      return turn.template operator()<2>();
    default:
      return turn.template operator()<1>();
  }
}

template <class Arithmetic, class T>
void thin_turns(const Matrix& y, const ThinRows& a, const Packed& b, int64_t first, int64_t last, const float* bias,
                bool accumulate) {
  constexpr int64_t piece = thin_piece_bytes / (tile_cols * Arithmetic::b_bytes);
  const int64_t groups = ceil_div(y.rows, int64_t{tile_rows}), each = ceil_div(y.rows, groups);
  alignas(64) float sums[thin_rows * tile_cols];
  for (int64_t p = first; p < last; p++) {
    const int64_t col = p * tile_cols;
    const ThinSums<T> part = thin_sums<T>(y, col, tile_cols);
    part.begin(sums, tile_cols, bias ? bias + col : nullptr, accumulate);
    for (int64_t w = 0; w < a.words; w += piece) {
      for (int64_t row = 0; row < y.rows; row += each) {
        thin_turn<Arithmetic>(min(each, y.rows - row), row + each >= y.rows, sums + row * tile_cols, a, row, w,
                              min(piece, a.words - w), b.data + p * b.panel_bytes);
      }
    }
    part.end(sums, tile_cols);
  }
}

template <class Arithmetic, class T>
void thin_task(const Matrix& y, const ThinRows& a, const Packed& b, int64_t first, int64_t last, const float* bias,
               bool accumulate) {
  switch (y.rows) {
    case 1:
      return thin_run<Arithmetic, T, 1>(y, a, b, first, last, bias, accumulate);
    case 2:
      return thin_run<Arithmetic, T, 2>(y, a, b, first, last, bias, accumulate);
    default:
      return thin_turns<Arithmetic, T>(y, a, b, first, last, bias, accumulate);
  }
}

template <class Arithmetic>
void multiply_thin(Context& context, const Matrix& y, const ThinRows& a, const Packed& b, const float* bias,
                   bool accumulate) {
  // Runs of whole lots of panels, so that none but the last is cut; at least one for each worker.
  constexpr int64_t lot = thin_panels(1);
  const int64_t panels = ceil_div(y.cols, int64_t{tile_cols}), lots = ceil_div(panels, lot);
  const int64_t lot_bytes = max<int64_t>(lot * b.panel_bytes, 1);
  const int64_t most = max<int64_t>(thin_task_bytes / lot_bytes, 1);
  const int64_t each = min(most, ceil_div(lots, int64_t{workers(context)})) * lot;
  by_float(y.dtype, [&]<class T>() {
    parallel_for(context, ceil_div(panels, each), [&](int64_t task, int) {
      thin_task<Arithmetic, T>(y, a, b, task * each, min(panels, (task + 1) * each), bias, accumulate);
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
