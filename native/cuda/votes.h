// Which lanes of a warp hold the same number.
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

// Those lanes that hold this lane's `number`, of `bits` bits, among those that are `there`; by every lane of the warp.
template <int bits>
__device__ __forceinline__ unsigned lanes_with(unsigned number, bool there) {
  unsigned same = __ballot_sync(all_lanes, there);
#pragma unroll
  for (int bit = 0; bit < bits; bit++) {
    const bool mine = number >> bit & 1;
    const unsigned set = __ballot_sync(all_lanes, mine);
    same &= mine ? set : ~set;
  }
  return same;
}

}  // namespace ettin::ETTIN_LEVEL
