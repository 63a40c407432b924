// This level's kernels as the table that runtime/dispatch.cpp chooses from.
#include "weight_form.h"

namespace ettin::ETTIN_LEVEL {

extern const Kernels kernels;
const Kernels kernels = {
#define ETTIN_ENTRY(name, parameters) .name = name,
    ETTIN_KERNELS(ETTIN_ENTRY)
#undef ETTIN_ENTRY
        .weight_packing = weight_packing,
    .packed_weight_bytes = packed_weight_bytes,
    .pack_weight = pack_weight,
    .unpack_weight = unpack_weight,
};

}  // namespace ettin::ETTIN_LEVEL
