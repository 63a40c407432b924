// What elementwise kernels share: y[i] = f(a[i], b[i], …) over all elements, in float32 arithmetic.
//
// The output is contiguous and is cut into tasks of `grain` elements. Inputs have the output's shape and any
// strides; a broadcast dimension has stride 0. A task runs in blocks: where a block of an input does not lie
// contiguous in memory it is first copied into a buffer that stays in the first-level cache, so that f's loop
// knows one form only. An output too large to be found in a cache again is written past it.
#pragma once

#include "past_cache.h"
#include "simd.h"

namespace ettin::ETTIN_LEVEL {

constexpr int64_t elementwise_block = 1024;
constexpr int64_t elementwise_grain = 8 * elementwise_block;

// The element types of tensors: float, bf16, int32_t.
template <class Body>
void by_number(DType dtype, const Body& body) {
  if (dtype == DType::int32) {
    body.template operator()<int32_t>();
  } else {
    by_float(dtype, body);
  }
}

// A view with its dimensions merged where strides allow: a contiguous view has one dimension.
struct Strided {
  const void* data;
  int dims;
  int64_t shape[max_dims], strides[max_dims];

  bool contiguous() const { return dims == 1 && strides[0] == 1; }
};

inline Strided strided(const View& x) {
  Strided s{x.data, 0, {}, {}};
  for (int d = 0; d < x.dims; d++) {
    if (x.shape[d] == 1) continue;
    const int previous = s.dims - 1;
    if (s.dims && s.strides[previous] == x.strides[d] * x.shape[d]) {
      s.shape[previous] *= x.shape[d];
      s.strides[previous] = x.strides[d];
    } else {
      s.shape[s.dims] = x.shape[d];
      s.strides[s.dims++] = x.strides[d];
    }
  }
  if (s.dims == 0) s = {x.data, 1, {1}, {1}};
  return s;
}

template <class T>
void copy_run(T* y, const T* x, int64_t stride, int64_t n) {
  if (stride == 1) {
    __builtin_memcpy(y, x, static_cast<uint64_t>(n) * sizeof(T));
  } else if (stride == 0) {
    const T value = *x;
    for (int64_t i = 0; i < n; i++) y[i] = value;
  } else {
    for (int64_t i = 0; i < n; i++) y[i] = x[i * stride];
  }
}

// Elements [begin, begin + n) of x in row-major order: where they lie, if in one piece, else in `buffer`.
template <class T>
const T* fetch(const Strided& x, int64_t begin, int64_t n, T* buffer) {
  const T* at = static_cast<const T*>(x.data);
  if (x.contiguous()) return at + begin;

  int64_t index[max_dims];
  for (int d = x.dims - 1; d >= 0; d--) {
    index[d] = begin % x.shape[d];
    begin /= x.shape[d];
    at += index[d] * x.strides[d];
  }
  const int inner = x.dims - 1;
  if (x.strides[inner] == 1 && x.shape[inner] - index[inner] >= n) return at;

  for (int64_t done = 0; done < n;) {
    const int64_t run = min(n - done, x.shape[inner] - index[inner]);
    copy_run(buffer + done, at, x.strides[inner], run);
    done += run;
    index[inner] += run;
    at += run * x.strides[inner];
    for (int d = inner; d > 0 && index[d] == x.shape[d]; d--) {
      at += x.strides[d - 1] - x.shape[d] * x.strides[d];
      index[d] = 0;
      index[d - 1]++;
    }
  }
  return buffer;
}

// An input of `map`, with its element type.
template <class T>
struct Input {
  Strided x;
  explicit Input(const View& view) : x(strided(view)) {}

  struct Buffer {
    Buffer() {}  // uninitialised
    T values[elementwise_block];
  };
  const T* block(int64_t begin, int64_t n, Buffer&& buffer) const { return fetch(x, begin, n, buffer.values); }
};

template <class T>
constexpr bool is_bf16 = false;
template <>
constexpr bool is_bf16<bf16> = true;

// y[i] = f(x[i]…) for one block; f takes and gives vectors (vf; vi for int32).
template <class Y, class F, class... X>
void map_block(bool past, Y* y, int64_t n, const F& f, const X*... x) {
  int64_t i = 0;
  if constexpr (is_bf16<Y> && (is_bf16<X> && ...)) {
    const auto write = [&](const auto&... split) {
      const vf a = f(split.a...), b = f(split.b...);
      past ? stream_split(y + i, a, b) : store_split(y + i, a, b);
    };
    for (; i + 2 * lanes <= n; i += 2 * lanes) write(load_split(x + i)...);
  }
  if (past) {
    for (; i + lanes <= n; i += lanes) stream(y + i, f(load(x + i)...));
  } else {
    for (; i + lanes <= n; i += lanes) store(y + i, f(load(x + i)...));
  }
  if (i < n) store_part(y + i, f(load_part(x + i, n - i)...), n - i);
}

// y[i] = f(x[i]…) over a whole output: map<float>(context, y, f, Input<float>(a), Input<float>(b)).
template <class Y, class F, class... X>
void map(Context& context, const View& y, const F& f, const Input<X>&... x) {
  const bool past = past_cache(y);
  parallel_chunks(context, size_of(y), elementwise_grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += elementwise_block) {
      const int64_t n = min(elementwise_block, end - i);
      map_block(past, as<Y>(y) + i, n, f, x.block(i, n, typename Input<X>::Buffer())...);
    }
    if (past) stream_end();
  });
}

// The same where all tensors are of one float dtype: map_float(context, y, f, x, …).
template <class F, class... X>
void map_float(Context& context, const View& y, const F& f, const X&... x) {
  by_float(y.dtype, [&]<class T>() { map<T>(context, y, f, Input<T>(x)...); });
}

}  // namespace ettin::ETTIN_LEVEL
