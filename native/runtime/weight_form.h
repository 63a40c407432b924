// In which form a weight lies in memory. Products read weights packed; training also reads and writes their rows, so
// they are packed in passing or into a copy beside them (packed_copy, context.h). In inference nothing but products
// reads a weight: then its rows go, and the packed form is all there is. Whoever wants the rows again gets them, bit
// for bit.
//
// The rule needs to know nothing of training. The first product that reads a weight packs it. If its rows are wanted
// later, they stay from then on, until many products in a row have read the weight and nobody its rows: an evaluation
// amid training costs two copies at most. Reading values out (download) and looking up rows (Weight arguments) work on
// the packed form and change nothing.
//
// All of this happens on the JavaScript thread as kernels are queued: the stream does the copying, in order, and memory
// is taken and given back in program order as for any tensor.
#pragma once

#include <exception>

#include "stream.h"

namespace ettin {

// There is no room for the rows of a weight.
struct OutOfMemory : std::exception {
  int64_t bytes;
  explicit OutOfMemory(int64_t wanted) : bytes(wanted) {}
  const char* what() const noexcept override { return "out of memory"; }
};

// Products in a row after which a weight whose rows have been asked back is packed again.
constexpr int weight_patience = 64;

// A kernel will read or write the storage's rows: afterwards they lie at storage.data. Throws OutOfMemory.
void want_rows(Stream& stream, Storage& storage);

// A kernel will read the weight, `offset` bytes into its storage, in whichever form it is: fills in data or packed.
// `product`: x · wᵀ, with x of this dtype; null where rows are looked up. Throws OutOfMemory.
void want_weight(Stream& stream, Weight& w, int64_t offset, const DType* product);

// All rows will be written anew: the old ones need not be unpacked. Throws OutOfMemory.
void want_room(Stream& stream, Storage& storage);

}  // namespace ettin
