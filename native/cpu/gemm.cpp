// Matrix products for every op; gemm.h says what they promise.
//
// y is cut into blocks of rows × columns, which workers take one at a time; for each block k runs in pieces that
// fit the caches, and for each piece a tile of y at a time stays in registers (gemm_tile.h). Between the pieces of
// k the accumulators rest in y, or, where y is bfloat16, in a float32 block of the worker's: exact, so that the
// sizes below change no bit. b comes packed, or a worker packs the piece it needs. Few rows go another way:
// gemm_thin.h.
#include "gemm.h"

#include "gemm_pack.h"
#include "gemm_thin.h"
#include "gemm_tile.h"

namespace ettin::ETTIN_LEVEL {

namespace {

#ifdef ETTIN_HAS_DOT_PAIRS
constexpr bool has_pairs = true;
#else
constexpr bool has_pairs = false;
using Pairs = Singles;
#endif

template <class Body>
void by_packing(Packing packing, const Body& body) {
  switch (packing) {
    case Packing::pairs:
      return body.template operator()<Pairs>();
    case Packing::halves:
      return body.template operator()<Halves>();
    default:
      return body.template operator()<Singles>();
  }
}

// What k takes in a panel, in bytes.
int64_t depth_bytes(int64_t depth, Packing packing) {
  int64_t bytes = 0;
  by_packing(packing, [&]<class Arithmetic>() {
    bytes = ceil_div(depth, Arithmetic::k_per_word) * Arithmetic::b_bytes * tile_cols;
  });
  return bytes;
}

// Where b is packed in passing, float32 is as good as its halves and is read faster.
Packing packing_in_passing(DType precision) {
  return has_pairs && precision == DType::bfloat16 ? Packing::pairs : Packing::singles;
}

// The largest block of y and piece of k, in rows, columns and words. A block of a (rows × words) is read again for
// every panel of b and stays in the second-level cache; where b is packed in passing, more rows share the work.
struct Limits {
  int64_t rows, cols, words;
};
constexpr Limits packed_limits{192, 1024, 512};
constexpr Limits plain_limits{384, 512, 256};

// A worker's part of the workspace.
struct Areas {
  float* a;
  float* b;
  float* y;
};
// Packed rows and panels lie a line further apart than they are long: at a power of two they would all fall into the
// same few sets of the first-level cache.
constexpr int64_t line_floats = 16;
constexpr int64_t rows_area(const Limits& limits) { return (limits.rows + 16) * (limits.words + 2 * line_floats); }
constexpr int64_t panels_area(const Limits& limits) {
  return (limits.cols / tile_cols + 1) * (limits.words * tile_cols + line_floats);
}
constexpr int64_t larger(int64_t a, int64_t b) { return a < b ? b : a; }
constexpr int64_t a_area = larger(rows_area(packed_limits), rows_area(plain_limits));
constexpr int64_t b_area = panels_area(plain_limits);
constexpr int64_t y_area = larger(packed_limits.rows * packed_limits.cols, plain_limits.rows* plain_limits.cols);

constexpr int64_t shared_bytes = int64_t{8} << 20;

Areas areas_of(const Workspace& workspace, int worker) {
  float* a = reinterpret_cast<float*>(workspace.own + worker * workspace.own_bytes);
  return {a, a + a_area, a + a_area + b_area};
}

// b, packed or not.
struct Factor {
  const Packed* packed;
  const Matrix* plain;

  const Limits& limits() const { return packed ? packed_limits : plain_limits; }
};

struct Panels {
  const char* data;
  int64_t bytes;  // from one to the next
};

template <class Arithmetic, class T>
Words<Arithmetic, T> words_for(DType precision) {
  return {precision == DType::bfloat16};
}

template <class Arithmetic>
void pack_columns(char* packed, int64_t panel_bytes, DType precision, const Matrix& b) {
  by_float(b.dtype, [&]<class T>() {
    pack_panels(packed, panel_bytes, words_for<Arithmetic, T>(precision),
                Strips<T>{static_cast<const T*>(b.data), b.rows, b.cols, b.row_stride, b.col_stride});
  });
}

// The pieces of a and b that lie in [k, k + depth).
template <class Arithmetic>
Panels panels_of(const Factor& b, DType precision, int64_t k, int64_t depth, float* area) {
  if (b.packed) {
    return {b.packed->data + k / Arithmetic::k_per_word * tile_cols * Arithmetic::b_bytes, b.packed->panel_bytes};
  }
  const int64_t panel_bytes = (ceil_div(depth, Arithmetic::k_per_word) * tile_cols + line_floats) * word_bytes;
  pack_columns<Arithmetic>(reinterpret_cast<char*>(area), panel_bytes, precision,
                           block(*b.plain, k, depth, 0, b.plain->cols));
  return {reinterpret_cast<const char*>(area), panel_bytes};
}

struct Rows {
  const char* data;
  int64_t bytes;  // from one to the next
};

template <class Arithmetic>
Rows rows_of(const Matrix& a, int64_t k, int64_t depth, float* area) {
  const bool words_lie_there = a.col_stride == 1 && bytes_of(a.dtype) * Arithmetic::k_per_word == word_bytes &&
                               a.cols % Arithmetic::k_per_word == 0;
  if (words_lie_there) {
    return {static_cast<const char*>(element(a, 0, k)), a.row_stride * bytes_of(a.dtype)};
  }
  const int64_t row_words = round_up(ceil_div(depth, Arithmetic::k_per_word), line_floats) + line_floats;
  by_float(a.dtype, [&]<class T>() {
    const T* corner = static_cast<const T*>(element(a, 0, k));
    pack_rows(area, row_words, words_for<Arithmetic, T>(a.dtype),
              Strips<T>{corner, depth, a.rows, a.col_stride, a.row_stride});
  });
  return {reinterpret_cast<const char*>(area), row_words * word_bytes};
}

// The next tile's rows of y, far away in the caches, while this tile's k runs.
void fetch_rows(const float* y, int64_t stride, int64_t left) {
  for (int64_t r = 0; r < min<int64_t>(left, tile_rows); r++) {
    for (int64_t c = 0; c < tile_cols; c += 16) __builtin_prefetch(y + r * stride + c);
  }
}

// One block of y by one worker.
template <class Arithmetic, class T>
void multiply_block(const Areas& areas, const Matrix& y, const Matrix& a, const Factor& b, const float* bias,
                    bool accumulate) {
  const int64_t most = b.limits().words * Arithmetic::k_per_word;
  const int64_t rest_stride = sizeof(T) == 4 ? y.row_stride : round_up(y.cols, int64_t{tile_cols});
  T* const y_data = static_cast<T*>(y.data);

  int64_t k = 0;
  do {
    const int64_t depth = min(most, a.cols - k), words = ceil_div(depth, Arithmetic::k_per_word);
    const bool first = k == 0, last = k + depth >= a.cols;
    const Rows rows = rows_of<Arithmetic>(a, k, depth, areas.a);
    const Panels panels = panels_of<Arithmetic>(b, a.dtype, k, depth, areas.b);

    for (int64_t col = 0; col < y.cols; col += tile_cols) {
      const int64_t cols = min<int64_t>(tile_cols, y.cols - col);
      const char* panel = panels.data + col / tile_cols * panels.bytes;
      const char* next = col + tile_cols < y.cols ? panel + panels.bytes : panel;
      for (int64_t row = 0; row < y.rows; row += tile_rows) {
        const int64_t count = min<int64_t>(tile_rows, y.rows - row);
        const char* ahead = next + row / tile_rows % fetching_tiles<Arithmetic> * ceil_div(words, fetch_words) * 64;
        T* const corner = y_data + row * y.row_stride + col;
        const bool whole = sizeof(T) == 4 && cols == tile_cols;
        float* const rest = sizeof(T) == 4 ? reinterpret_cast<float*>(corner) : areas.y + row * rest_stride + col;

        Edge edge;
        const float* start = nullptr;
        int64_t start_stride = 0;
        if (!first && (whole || sizeof(T) == 2)) {
          start = rest;
          start_stride = rest_stride;
        } else if (!first || accumulate || (bias && cols < tile_cols)) {
          if (whole && !bias) {
            start = rest;
            start_stride = rest_stride;
          } else {
            fill_edge(edge.at, tile_cols, count, cols, first && bias ? bias + col : nullptr,
                      !first || accumulate ? corner : nullptr, y.row_stride);
            start = edge.at;
            start_stride = tile_cols;
          }
        } else if (bias) {
          start = bias + col;
        }

        if (!first || accumulate) fetch_rows(rest + tile_rows * rest_stride, rest_stride, y.rows - row - tile_rows);

        const bool to_rest = whole || (sizeof(T) == 2 && !last);
        multiply_tile<Arithmetic>(count, {words, rows.data + row * rows.bytes, rows.bytes, panel, start, start_stride,
                                          to_rest ? rest : edge.at, to_rest ? rest_stride : tile_cols, ahead});
        if (!to_rest) copy_out(corner, y.row_stride, count, cols, edge.at, tile_cols);
      }
    }
    k += depth;
  } while (k < a.cols);
}

void multiply(const Areas& areas, const Matrix& y, const Matrix& a, const Factor& b, const float* bias,
              bool accumulate) {
  by_packing(b.packed ? b.packed->packing : packing_in_passing(a.dtype), [&]<class Arithmetic>() {
    by_float(y.dtype, [&]<class T>() { multiply_block<Arithmetic, T>(areas, y, a, b, bias, accumulate); });
  });
}

// How y is cut. Blocks may be as many as the workers like: no bit of y depends on them.
struct Grid {
  int64_t rows_each, cols_each, row_blocks, col_blocks;
};
Grid grid_of(int64_t rows, int64_t cols, const Limits& limits, int workers) {
  int64_t row_blocks = max<int64_t>(ceil_div(rows, limits.rows), 1);
  int64_t col_blocks = max<int64_t>(ceil_div(cols, limits.cols), 1);
  const int64_t wanted = workers > 1 ? 4 * workers : 1;  // so that none waits long for the last
  const int64_t row_tiles = ceil_div(rows, int64_t{tile_rows}), col_tiles = ceil_div(cols, int64_t{tile_cols});
  while (row_blocks * col_blocks < wanted) {
    const bool can_rows = row_blocks * 4 <= row_tiles, can_cols = col_blocks < col_tiles;
    if (!can_rows && !can_cols) break;
    if (can_cols && (!can_rows || cols / col_blocks >= 2 * rows / row_blocks)) {
      col_blocks++;
    } else {
      row_blocks++;
    }
  }
  const int64_t rows_each = ceil_div(row_tiles, row_blocks) * tile_rows;
  const int64_t cols_each = ceil_div(col_tiles, col_blocks) * tile_cols;
  return {rows_each, cols_each, rows_each ? ceil_div(rows, rows_each) : 0, cols_each ? ceil_div(cols, cols_each) : 0};
}

void multiply_part(const Areas& areas, const Grid& grid, int64_t task, const Matrix& y, const Matrix& a,
                   const Factor& b, const float* bias, bool accumulate) {
  const int64_t row = task % grid.row_blocks * grid.rows_each, col = task / grid.row_blocks * grid.cols_each;
  const int64_t rows = min(grid.rows_each, y.rows - row), cols = min(grid.cols_each, y.cols - col);
  const Matrix y_part = block(y, row, rows, col, cols), a_part = block(a, row, rows, 0, a.cols);
  if (b.packed) {
    const Packed part = packed_block(*b.packed, 0, b.packed->rows, col, cols);
    multiply(areas, y_part, a_part, {&part, nullptr}, bias ? bias + col : nullptr, accumulate);
  } else {
    const Matrix part = block(*b.plain, 0, b.plain->rows, col, cols);
    multiply(areas, y_part, a_part, {nullptr, &part}, bias ? bias + col : nullptr, accumulate);
  }
}

void gemm(Context& context, const Workspace& workspace, const Matrix& y, const Matrix& a, const Factor& b,
          const float* bias, bool accumulate) {
  const Grid grid = grid_of(y.rows, y.cols, b.limits(), workers(context));
  parallel_for(context, grid.row_blocks * grid.col_blocks, [&](int64_t task, int worker) {
    multiply_part(areas_of(workspace, worker), grid, task, y, a, b, bias, accumulate);
  });
}

void gemm_alone(const Workspace& workspace, int worker, const Matrix& y, const Matrix& a, const Factor& b,
                const float* bias, bool accumulate) {
  const Grid grid = grid_of(y.rows, y.cols, b.limits(), 1);
  for (int64_t task = 0; task < grid.row_blocks * grid.col_blocks; task++) {
    multiply_part(areas_of(workspace, worker), grid, task, y, a, b, bias, accumulate);
  }
}

}  // namespace

Packing packing_of(DType precision, DType b) {
  if (has_pairs && precision == DType::bfloat16) return Packing::pairs;
  return precision == DType::bfloat16 || b == DType::bfloat16 ? Packing::halves : Packing::singles;
}

int64_t packed_bytes(int64_t rows, int64_t cols, Packing packing) {
  return ceil_div(cols, int64_t{tile_cols}) * depth_bytes(rows, packing);
}

Packed as_packed(void* data, int64_t rows, int64_t cols, Packing packing) {
  return {static_cast<char*>(data), packing, rows, cols, depth_bytes(rows, packing)};
}

Packed packed_block(const Packed& b, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  const int64_t offset = col / tile_cols * b.panel_bytes + depth_bytes(row, b.packing);
  return {b.data + offset, b.packing, rows, cols, b.panel_bytes};
}

Packed pack(Context& context, void* data, const Matrix& b, Packing packing) {
  const Packed packed = as_packed(data, b.rows, b.cols, packing);
  const DType precision = packing == Packing::singles ? DType::float32 : DType::bfloat16;
  constexpr int64_t task_cols = 256, task_rows = 512;
  const int64_t col_tasks = ceil_div(b.cols, task_cols), row_tasks = ceil_div(b.rows, task_rows);
  by_packing(packing, [&]<class Arithmetic>() {
    parallel_for(context, col_tasks * row_tasks, [&](int64_t task, int) {
      const int64_t col = task % col_tasks * task_cols, row = task / col_tasks * task_rows;
      const int64_t rows = min(task_rows, b.rows - row), cols = min(task_cols, b.cols - col);
      const Packed part = packed_block(packed, row, rows, col, cols);
      pack_columns<Arithmetic>(part.data, part.panel_bytes, precision, block(b, row, rows, col, cols));
    });
  });
  return packed;
}

Packed packed_weight(Context& context, const View& w, bool transpose, DType precision) {
  const Matrix b = transpose ? transposed(as_matrix(w)) : as_matrix(w);
  const Packing packing = packing_of(precision, w.dtype);
  const int64_t bytes = packed_bytes(b.rows, b.cols, packing);
  const int kind = (transpose ? 1 : 0) + 2 * static_cast<int>(packing);
  bool filled = false;
  void* kept = packed_copy(context, w, kind, bytes, &filled);
  if (filled) return as_packed(kept, b.rows, b.cols, packing);
  return pack(context, kept ? kept : scratch(context, bytes), b, packing);
}

Workspace gemm_workspace(Context& context) {
  const int64_t own_bytes = (a_area + b_area + y_area) * word_bytes;
  char* data = static_cast<char*>(scratch(context, shared_bytes + own_bytes * workers(context)));
  return {data, data + shared_bytes, own_bytes};
}

void gemm(Context& context, const Workspace& workspace, const Matrix& y, const Matrix& a, const Packed& b,
          const float* bias, bool accumulate) {
  if (a.rows > 0 && a.rows <= thin_rows && a.cols <= thin_depth) {
    by_packing(b.packing, [&]<class Arithmetic>() {
      const Rows rows = rows_of<Arithmetic>(a, 0, a.cols, reinterpret_cast<float*>(workspace.shared));
      multiply_thin<Arithmetic>(context, y, {rows.data, rows.bytes, ceil_div(a.cols, Arithmetic::k_per_word)}, b, bias,
                                accumulate);
    });
    return;
  }
  gemm(context, workspace, y, a, Factor{&b, nullptr}, bias, accumulate);
}
void gemm(Context& context, const Workspace& workspace, const Matrix& y, const Matrix& a, const Matrix& b,
          const float* bias, bool accumulate) {
  // Where several blocks of rows need b, it is packed once for all, a piece of k at a time: all of k where y could not
  // hold the sums in between.
  const Packing packing = packing_in_passing(a.dtype);
  const int64_t k_bytes = max<int64_t>(packed_bytes(2, b.cols, packing) / 2, 1);
  const int64_t piece =
      min(shared_bytes / k_bytes / packed_limits.words * packed_limits.words, max<int64_t>(b.rows, 1));
  if (y.rows < 2 * packed_limits.rows || piece == 0 || (piece < b.rows && y.dtype != DType::float32)) {
    return gemm(context, workspace, y, a, Factor{nullptr, &b}, bias, accumulate);
  }
  for (int64_t k = 0; k == 0 || k < b.rows; k += piece) {
    const int64_t depth = min(piece, b.rows - k);
    const Packed packed = pack(context, workspace.shared, block(b, k, depth, 0, b.cols), packing);
    gemm(context, workspace, y, block(a, 0, a.rows, k, depth), packed, k == 0 ? bias : nullptr, accumulate || k > 0);
  }
}
void gemm_alone(const Workspace& workspace, int worker, const Matrix& y, const Matrix& a, const Packed& b,
                const float* bias, bool accumulate) {
  gemm_alone(workspace, worker, y, a, Factor{&b, nullptr}, bias, accumulate);
}
void gemm_alone(const Workspace& workspace, int worker, const Matrix& y, const Matrix& a, const Matrix& b,
                const float* bias, bool accumulate) {
  gemm_alone(workspace, worker, y, a, Factor{nullptr, &b}, bias, accumulate);
}

const float* float_bias(Context& context, const View& bias) {
  if (!present(bias) || bias.dtype == DType::float32) return as<float>(bias);
  const int64_t n = size_of(bias);
  float* y = static_cast<float*>(scratch(context, n * 4));
  for (int64_t i = 0; i < n; i++) y[i] = to_float(as<bf16>(bias)[i]);
  return y;
}

}  // namespace ettin::ETTIN_LEVEL
