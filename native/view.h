// What a kernel sees of a tensor: an address, a dtype, a shape and strides, all by value.
// Plain data only: functions on views live in each instruction-set level's namespace (cpu/level.h),
// because an inline function here could be emitted with one level's instructions and linked for all.
#pragma once

#include <stdint.h>

namespace ettin {

enum class DType : int32_t { float32 = 0, bfloat16 = 1, int32 = 2, int8 = 3, uint8 = 4 };

constexpr int max_dims = 6;

struct Storage;  // runtime/storage.h

// shape and strides count elements; dims = -1 and data = nullptr where an optional argument is absent.
struct View {
  void* data;
  Storage* storage;
  DType dtype;
  int32_t dims;
  int64_t shape[max_dims];
  int64_t strides[max_dims];
};

// The type of a kernel's parameter says what the kernel does with it. The stream reads it: a failed
// storage stops whoever reads it (View, InOut), and the mark passes to what would have been written.
struct Stored : View {};       // the one kind that may also be int8 or uint8: rows of a corpus, and
struct StoredOut : View {};    // an Out for some of them
struct Out : View {};          // written whole; never a view into a larger storage; always contiguous
struct InOut : View {};        // changed in place (optimizers, copy_into, accumulated weight gradients)
struct Optional : View {};     // a View that may be absent
struct OptionalOut : View {};  // an Out that may be absent
struct OptionalInOut : View {};

// A matrix [out, in] in the order in which x · wᵀ reads it. What `packing` says is the level's own.
struct PackedWeight {
  void* data;  // null: there is none
  int32_t packing;
  DType dtype;
  int64_t out, in;
};
// A View of a weight in the form in which it lies in memory: where `packed` has data, the View has none. After a View
// in a kernel's list it is about to be multiplied with that.
struct Weight : View {
  PackedWeight packed;
};

struct Views {  // a list of inputs
  int64_t count;
  const View* items;
};
struct InOuts {  // a list of arguments changed in place
  int64_t count;
  const View* items;
};

}  // namespace ettin
