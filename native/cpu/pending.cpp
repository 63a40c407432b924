// Kernels that no file defines yet: weak, so that a file that does wins. Deleted when none is left.
#include "level.h"

namespace ettin::ETTIN_LEVEL {

#define ETTIN_PENDING(name, parameters) \
  __attribute__((weak)) void name parameters { fail("no file defines this kernel yet. Build a later revision."); }
#pragma GCC diagnostic ignored "-Wunused-parameter"
ETTIN_KERNELS(ETTIN_PENDING)
#undef ETTIN_PENDING

}  // namespace ettin::ETTIN_LEVEL
