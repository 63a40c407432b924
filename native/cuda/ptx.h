// Instructions that have no name in CUDA C++: tensor-core products of 16-bit tiles, reads of tiles from shared memory,
// copies that do not pass through registers. PTX ISA 8.0 and later, sm_80 and later.
//
// Tiles of m16n8k16 (lane l, g = l / 4, t = l % 4; a register holds two neighbours of k, the lower one first):
//   a [16,16] row-major: a0 (row g, k 2t), a1 (row g + 8, k 2t), a2 (row g, k 2t + 8), a3 (row g + 8, k 2t + 8)
//   b [16,8], k pairs:   b0 (k 2t, column g), b1 (k 2t + 8, column g)
//   c [16,8] float32:    c0, c1 (row g, columns 2t, 2t + 1), c2, c3 (row g + 8, the same columns)
#pragma once

#ifdef ETTIN_CUDA_EMULATION
#include "emulation/ptx.h"
#else

#include <stdint.h>

namespace ettin::ETTIN_LEVEL {

// c += a · b, bfloat16 in, float32 out.
__device__ __forceinline__ void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// Four 8×8 tiles of 16-bit elements. Lane l gives the address of row l % 8 of tile l / 8 (16 bytes, aligned to them)
// and gets of tile i in r[i] row l / 4, columns 2(l % 4) and the next.
__device__ __forceinline__ void load_tiles(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
// The same of each tile's transpose: rows 2(l % 4) and the next of column l / 4.
__device__ __forceinline__ void load_tiles_transposed(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

// 16 bytes from global to shared memory, zeros where not `valid`: `from` is not read then.
// They are there after copy_wait, for this thread; for others after a barrier behind it.
__device__ __forceinline__ void copy_async(void* to, const void* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(to)), "l"(from),
               "r"(valid ? 16 : 0)
               : "memory");
}
// The same of 4 bytes.
__device__ __forceinline__ void copy_word_async(void* to, const void* from, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;\n" ::"r"(shared_address(to)), "l"(from), "r"(valid ? 4 : 0)
               : "memory");
}
// Ends a group of copies.
__device__ __forceinline__ void copy_commit() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }
// Waits until all but the last `pending` groups are there.
template <int pending>
__device__ __forceinline__ void copy_wait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(pending) : "memory");
}

}  // namespace ettin::ETTIN_LEVEL

#endif
