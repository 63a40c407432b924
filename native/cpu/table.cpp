// This level's kernels as the table that runtime/dispatch.cpp chooses from.
#include "level.h"

namespace ettin::ETTIN_LEVEL {

extern const Kernels kernels;
const Kernels kernels = {
#define ETTIN_ENTRY(name, parameters) .name = name,
    ETTIN_KERNELS(ETTIN_ENTRY)
#undef ETTIN_ENTRY
};

}  // namespace ettin::ETTIN_LEVEL
