// What elementwise kernels share: y[i] = f(a[i], b[i], …) over all elements, in float32 arithmetic.
//
// Inputs have the output's shape and any strides; a broadcast dimension has stride 0. Three ways, by what the strides
// allow once dimensions are merged:
//   all contiguous, or one number      runs of 16 bytes, several of them on the way at once, no index to divide
//   contiguous or one number in rows   runs of 16 bytes, each finding its row: a bias, a number per row, slices
//   anything else                      element after element
// f is a struct whose operator() is a device function of values (float, int32): no lambda passes into a kernel.
#pragma once

#include <utility>

#include "runs.h"
#include "strided.h"

namespace ettin::ETTIN_LEVEL {

constexpr int map_threads = 256;
constexpr int together = 2;  // runs of a thread that are read before the first is computed

// The element types of tensors: float, bf16, int32_t.
template <class Body>
void by_number(DType dtype, const Body& body) {
  if (dtype == DType::int32) {
    body.template operator()<int32_t>();
  } else {
    by_float(dtype, body);
  }
}

// An input of `map`, with its element type.
template <class T>
struct Input {
  const View& view;
  explicit Input(const View& x) : view(x) {}
};

// A tensor as kernels see it.
template <class T>
struct Operand {
  T* data;
  int64_t strides[max_dims];  // the last dimension's: from run to run
  bool spread;                // one element stands for a whole run

  template <int N>
  __device__ __forceinline__ Run<T, N> run(int64_t offset) const {
    if (N > 1 && spread) return run_of<N>(data[offset]);
    return load_run<N>(data + offset);
  }
};

template <class T, int N>
struct Several {
  Run<T, N> at[together];
};

template <int N, class T>
__device__ __forceinline__ Several<T, N> several(const Operand<T>& x, int64_t first, int64_t runs) {
  Several<T, N> several;
#pragma unroll
  for (int u = 0; u < together; u++) {
    const int64_t run = first + u * map_threads;
    if (run < runs) several.at[u] = x.template run<N>(run * x.strides[0]);
  }
  return several;
}

template <int N, class Y, class F, class... X>
__device__ __forceinline__ void map_run(Y* y, const F& f, const Run<X, N>&... x) {
  decltype(f(value(x.item[0])...)) values[N];
#pragma unroll
  for (int k = 0; k < N; k++) values[k] = f(value_at(x, k)...);
  store_run(y, values);
}

template <int N, class Y, class F, class... X>
__device__ __forceinline__ void map_several(Y* y, const F& f, int64_t first, int64_t runs, const Several<X, N>&... x) {
#pragma unroll
  for (int u = 0; u < together; u++) {
    const int64_t run = first + u * map_threads;
    if (run < runs) map_run<N>(y + run * N, f, x.at[u]...);
  }
}

// n elements, of which the first come in runs: all but a rest, or none where addresses are odd.
template <class Y, class F, class... X>
__global__ void __launch_bounds__(map_threads) map_flat(Y* y, F f, int64_t n, int64_t runs, Operand<X>... x) {
  constexpr int N = run_size<Y, X...>;
  const int64_t first = int64_t{blockIdx.x} * (map_threads * together) + threadIdx.x;
  map_several<N>(y, f, first, runs, several<N>(x, first, runs)...);
  for (int64_t i = runs * N + thread_of_grid(); i < n; i += threads_of_grid())
    put(y[i], f(value(x.data[x.spread ? 0 : i])...));
}

template <int N, class Y, class F, class... X>
__global__ void __launch_bounds__(map_threads)
    map_strided(Operand<Y> y, F f, Counts counts, int64_t runs, Operand<X>... x) {
  const int64_t run = thread_of_grid();
  if (run >= runs) return;
  const Place place = counts.place(run);
  map_run<N>(y.data + counts.offset(place, y.strides), f, x.template run<N>(counts.offset(place, x.strides))...);
}

// Whether runs of N may begin wherever a row begins; always where a whole run shares one element.
template <int N, class T>
bool runs_in_rows(const View& x, const int64_t (&strides)[max_dims], int dims) {
  if (strides[dims - 1] == 0) return true;
  bool fits = strides[dims - 1] == 1 && aligned_for_runs<N>(as<T>(x));
  for (int d = 0; d < dims - 1; d++) fits = fits && strides[d] * int64_t{sizeof(T)} % int64_t{alignof(Run<T, N>)} == 0;
  return fits;
}

template <class T>
Operand<T> operand(const View& x, const int64_t (&strides)[max_dims], int dims, int run) {
  Operand<T> made{as<T>(x), {}, strides[dims - 1] == 0};
  for (int d = 0; d < dims; d++) made.strides[d] = strides[d] * (d == dims - 1 ? run : 1);
  return made;
}

template <class Y, class F, class... X>
void launch_flat(Context& context, Y* y, const F& f, int64_t n, bool by_runs, const Operand<X>&... x) {
  constexpr int N = run_size<Y, X...>;
  void (*kernel)(Y*, F, int64_t, int64_t, Operand<X>...) = map_flat<Y, F, X...>;
  launch(context, kernel, blocks_for(ceil_div(n, N), map_threads * together), dim3(map_threads), 0, y, f, n,
         by_runs ? n / N : 0, x...);
}

// y[i] = f(x[i]…) where all tensors are contiguous and of one float dtype: map_contiguous(context, y, F{}, x, …).
template <class F, class... V>
void map_contiguous(Context& context, const View& y, const F& f, const V&... x) {
  by_float(y.dtype, [&]<class T>() {
    constexpr int N = run_size<T>;
    const bool by_runs = aligned_for_runs<N>(as<T>(y)) && (aligned_for_runs<N>(as<T>(x)) && ...);
    launch_flat(context, as<T>(y), f, size_of(y), by_runs, Operand<T>{as<T>(x), {N}, false}...);
  });
}

// y[i] = f(x[i]…) of any strides, y's too: map<float>(context, y, F{}, Input<float>(a), Input<float>(b)).
template <class Y, class F, class... X>
void map(Context& context, const View& y, const F& f, const Input<X>&... x) {
  if (size_of(y) == 0) return;
  const auto m = merged<1 + sizeof...(X)>({y, x.view...});
  const int last = m.dims - 1;

  const auto go = [&]<int N, size_t... I>(std::index_sequence<I...>) {
    const bool fits = N == 1 || (runs_in_rows<N, Y>(y, m.strides[0], m.dims) &&
                                 (runs_in_rows<N, X>(x.view, m.strides[I + 1], m.dims) && ...));
    if (m.dims == 1 && m.strides[0][0] == 1 && ((m.strides[I + 1][0] <= 1) && ...)) {
      launch_flat(context, as<Y>(y), f, m.shape[0], fits, operand<X>(x.view, m.strides[I + 1], 1, N)...);
      return true;
    }
    if (!fits || m.shape[last] % N != 0) return false;
    Counts counts{m.dims, {}};
    int64_t runs = 1;
    for (int d = 0; d < m.dims; d++) {
      const int64_t size = d == last ? m.shape[d] / N : m.shape[d];
      counts.size[d] = divisor(size);
      runs *= size;
    }
    void (*kernel)(Operand<Y>, F, Counts, int64_t, Operand<X>...) = map_strided<N, Y, F, X...>;
    launch(context, kernel, blocks_for(runs, map_threads), dim3(map_threads), 0, operand<Y>(y, m.strides[0], m.dims, N),
           f, counts, runs, operand<X>(x.view, m.strides[I + 1], m.dims, N)...);
    return true;
  };
  using All = std::index_sequence_for<X...>;
  if (!go.template operator()<run_size<Y, X...>>(All{})) go.template operator()<1>(All{});
}

// The same where all tensors are of one float dtype: map_float(context, y, F{}, x, …).
template <class F, class... V>
void map_float(Context& context, const View& y, const F& f, const V&... x) {
  by_float(y.dtype, [&]<class T>() { map<T>(context, y, f, Input<T>(x)...); });
}

}  // namespace ettin::ETTIN_LEVEL
