// Checks of offsets and positions, which come from users.
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

inline void check_offsets(const char* name, const int32_t* offsets, int64_t sequences, int64_t rows) {
  for (int64_t b = 0; b < sequences; b++) {
    if (offsets[b] > offsets[b + 1]) {
      fail(
          "%s fall from %d to %d at sequence %lld. Give each sequence's first row, ascending, and last the number of "
          "rows.",
          name, offsets[b], offsets[b + 1], static_cast<long long>(b));
    }
  }
  if (offsets[0] != 0 || offsets[sequences] != rows) {
    fail("%s go from %d to %d, but there are %lld rows. Start at 0 and end with the number of rows.", name, offsets[0],
         offsets[sequences], static_cast<long long>(rows));
  }
}

// Sequence b's rows stand at starts[b] (else 0) on, in a table of `positions` rows.
inline void check_positions(const int32_t* offsets, int64_t sequences, const int32_t* starts, int64_t positions) {
  for (int64_t b = 0; b < sequences; b++) {
    const int64_t start = starts ? starts[b] : 0, end = start + offsets[b + 1] - offsets[b];
    if (offsets[b] < offsets[b + 1] && (start < 0 || end > positions)) {
      fail(
          "sequence %lld stands at positions %lld to %lld, but the rotary table has %lld. Make a longer table, or cut "
          "the sequence.",
          static_cast<long long>(b), static_cast<long long>(start), static_cast<long long>(end - 1),
          static_cast<long long>(positions));
    }
  }
}

}  // namespace ettin::ETTIN_LEVEL
