// geglu: x [T,2C] holds a and g side by side; y [T,C] = gelu(a) * g.
//   da = dy * g * gelu'(a)   dg = dy * gelu(a)   dx [T,2C] = da beside dg
#include "gated.h"
#include "gelu.h"

namespace ettin::ETTIN_LEVEL {

void geglu_forward(Context& context, Out y, View x) { gated_forward<Gelu>(context, y, x); }
void geglu_backward(Context& context, Out dx, View dy, View x) { gated_backward<Gelu>(context, dx, dy, x); }

}  // namespace ettin::ETTIN_LEVEL
