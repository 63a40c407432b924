// Row numbers brought into order.
#pragma once

#include "row_numbers.h"

namespace ettin::ETTIN_LEVEL {

// [T], in device memory of this kernel call: sorted[i] is the i-th smallest number, order[i] the place where it stood;
// those of one number in the order of their places.
struct RowOrder {
  const int32_t *order, *sorted;
};

// Of numbers [T] on the device. One outside [0, V) raises a fault and counts as 0.
RowOrder order_rows(Context& context, const int32_t* numbers, int64_t T, int64_t V, const Fault& outside);

}  // namespace ettin::ETTIN_LEVEL
