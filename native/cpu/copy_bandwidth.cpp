// copy_bandwidth: y = x, float32, by ordinary stores or by stores past the caches: what the machine's memory
// allows, for benchmarks to measure against. `copy` chooses between the two by size.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void copy_bandwidth(Context& context, Out y, View x, bool past_caches) {
  parallel_chunks(context, size_of(y), elementwise_grain, [&](int64_t begin, int64_t end) {
    map_block(
        past_caches, as<float>(y) + begin, end - begin, [](vf v) { return v; }, as<float>(x) + begin);
    if (past_caches) stream_end();
  });
}

}  // namespace ettin::ETTIN_LEVEL
