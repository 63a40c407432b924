// The sum over one axis of [outer, n, inner], divided by n for a mean: sum and mean.
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

void axis_sum(Context& context, const View& y, const View& x, int64_t axis, bool mean);

}  // namespace ettin::ETTIN_LEVEL
