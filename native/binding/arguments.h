// From JavaScript's command buffer to a kernel's C++ arguments. An argument's form follows from the
// parameter's type; `signature` tells JavaScript, one letter a parameter, what to write:
//   v View   V Optional   w Weight   s Stored   S StoredOut   o Out   O OptionalOut   m InOut   M OptionalInOut
//   l Views   L InOuts   i int64_t   d double   b bool
// A view is: storage id (-1: absent), byte offset, dtype, dims, shape…, strides…. A list is: count, views….
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../runtime/kernel_call.h"
#include "../runtime/weight_form.h"
#include "../view.h"

namespace ettin {

// Throws that kernels do not take tensors of this dtype, a number from JavaScript.
[[noreturn]] void refuse_dtype(double code);

class Reader {
 public:
  Reader(const double* data, const std::vector<Storage*>& storages, Stream& stream)
      : at_(data), storages_(storages), stream_(stream) {}

  double number() { return *at_++; }

  // A storage whose rows the kernel reads or writes.
  View view(DType widest = DType::int32) {
    int64_t offset = 0;
    View v = form_free(&offset, widest);
    if (!v.storage) return v;
    want_rows(stream_, *v.storage);
    v.data = static_cast<char*>(v.storage->data) + offset;
    return v;
  }

  View input() {
    const View v = view();
    multiplied_ = v.dtype;
    is_product_ = true;
    return v;
  }

  Weight weight() {
    int64_t offset = 0;
    Weight w{form_free(&offset), {}};
    want_weight(stream_, w, offset, is_product_ ? &multiplied_ : nullptr);
    return w;
  }

 private:
  // `widest`: the last of the dtypes that the argument may have. Kernels read no further: a wrong one would be a wrong
  // width, and they would write past the end.
  View form_free(int64_t* offset, DType widest = DType::int32) {
    View v{};
    v.dims = -1;
    const int64_t id = static_cast<int64_t>(number());
    if (id < 0) return v;
    v.storage = storages_[static_cast<size_t>(id)];
    *offset = static_cast<int64_t>(number());
    const double code = number();
    if (!(code >= 0 && code <= static_cast<int32_t>(widest))) refuse_dtype(code);
    v.dtype = static_cast<DType>(static_cast<int32_t>(code));
    v.dims = static_cast<int32_t>(number());
    for (int32_t d = 0; d < v.dims; d++) v.shape[d] = static_cast<int64_t>(number());
    for (int32_t d = 0; d < v.dims; d++) v.strides[d] = static_cast<int64_t>(number());
    return v;
  }

  const double* at_;
  const std::vector<Storage*>& storages_;
  Stream& stream_;
  DType multiplied_ = DType::float32;  // of the input before
  bool is_product_ = false;            // whether there is one
};

// A list of views; `touched` keeps it.
inline const std::vector<View>& take_list(Reader& reader, Touched& touched) {
  std::vector<View> views(static_cast<size_t>(reader.number()));
  for (View& v : views) v = reader.view();
  touched.lists.push_back(std::move(views));
  return touched.lists.back();
}

template <class T>
struct Argument;

template <class T, DType widest = DType::int32>
struct ReadArgument {
  static T take(Reader& reader, Touched& touched) {
    T v{reader.view(widest)};
    touched.read(v);
    return v;
  }
};
template <class T, DType widest = DType::int32>
struct WriteArgument {
  static T take(Reader& reader, Touched& touched) {
    T v{reader.view(widest)};
    touched.write(v);
    return v;
  }
};
template <class T>
struct ChangeArgument {
  static T take(Reader& reader, Touched& touched) {
    T v{reader.view()};
    touched.read(v);
    touched.write(v);
    return v;
  }
};

template <>
struct Argument<View> {
  static constexpr char letter = 'v';
  static View take(Reader& reader, Touched& touched) {
    const View v = reader.input();
    touched.read(v);
    return v;
  }
};
template <>
struct Argument<Weight> {
  static constexpr char letter = 'w';
  static Weight take(Reader& reader, Touched& touched) {
    const Weight w = reader.weight();
    touched.read(w);
    return w;
  }
};
template <>
struct Argument<Optional> : ReadArgument<Optional> {
  static constexpr char letter = 'V';
};
template <>
struct Argument<Stored> : ReadArgument<Stored, DType::uint8> {
  static constexpr char letter = 's';
};
template <>
struct Argument<StoredOut> : WriteArgument<StoredOut, DType::uint8> {
  static constexpr char letter = 'S';
};
template <>
struct Argument<Out> : WriteArgument<Out> {
  static constexpr char letter = 'o';
};
template <>
struct Argument<OptionalOut> : WriteArgument<OptionalOut> {
  static constexpr char letter = 'O';
};
template <>
struct Argument<InOut> : ChangeArgument<InOut> {
  static constexpr char letter = 'm';
};
template <>
struct Argument<OptionalInOut> : ChangeArgument<OptionalInOut> {
  static constexpr char letter = 'M';
};
template <>
struct Argument<Views> {
  static constexpr char letter = 'l';
  static Views take(Reader& reader, Touched& touched) {
    const std::vector<View>& views = take_list(reader, touched);
    for (const View& v : views) touched.read(v);
    return {static_cast<int64_t>(views.size()), views.data()};
  }
};
template <>
struct Argument<InOuts> {
  static constexpr char letter = 'L';
  static InOuts take(Reader& reader, Touched& touched) {
    const std::vector<View>& views = take_list(reader, touched);
    for (const View& v : views) {
      touched.read(v);
      touched.write(v);
    }
    return {static_cast<int64_t>(views.size()), views.data()};
  }
};
template <>
struct Argument<int64_t> {
  static constexpr char letter = 'i';
  static int64_t take(Reader& reader, Touched&) { return static_cast<int64_t>(reader.number()); }
};
template <>
struct Argument<double> {
  static constexpr char letter = 'd';
  static double take(Reader& reader, Touched&) { return reader.number(); }
};
template <>
struct Argument<bool> {
  static constexpr char letter = 'b';
  static bool take(Reader& reader, Touched&) { return reader.number() != 0; }
};

}  // namespace ettin
