// This device's kernels as the table that the addon takes. Weights keep their rows: cuBLASLt packs nothing.
#include "level.h"

namespace ettin::ETTIN_LEVEL {

namespace {
int32_t weight_packing(DType, DType) { return -1; }
int64_t packed_weight_bytes(const PackedWeight&) { return 0; }
void pack_weight(Context&, const PackedWeight&, void*) {}
void unpack_weight(Context&, void*, const PackedWeight&, int64_t, int64_t) {}
}  // namespace

#ifdef ETTIN_CUDA_PARTIAL
#define ETTIN_WEAK(name, parameters) extern void name parameters __attribute__((weak));
ETTIN_KERNELS(ETTIN_WEAK)
#endif

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
