// swiglu: x [T,2C] holds a and g side by side; y [T,C] = silu(a) * g.
//   da = dy * g * silu'(a)   dg = dy * silu(a)   dx [T,2C] = da beside dg
#include "gated.h"
#include "silu.h"

namespace ettin::ETTIN_LEVEL {

void swiglu_forward(Context& context, Out y, View x) { gated_forward<Silu>(context, y, x); }
void swiglu_backward(Context& context, Out dx, View dy, View x) { gated_backward<Silu>(context, dx, dy, x); }

}  // namespace ettin::ETTIN_LEVEL
