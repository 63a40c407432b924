// log: y = ln x, -infinity at zero and NaN below; dx = dy / x.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Log {
  __device__ float operator()(float x) const { return logf(x); }
};
struct LogGradient {
  __device__ float operator()(float dy, float x) const { return dy / x; }
};

}  // namespace

void log_forward(Context& context, Out y, View x) { map_contiguous(context, y, Log{}, x); }

void log_backward(Context& context, Out dx, View dy, View x) { map_contiguous(context, dx, LogGradient{}, dy, x); }

}  // namespace ettin::ETTIN_LEVEL
