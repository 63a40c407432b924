/*
cached_attention: attention of new tokens to what came before them, and the writing of that cache.

  append_to_cache    keys[slot,h,p mod C] = rotated k of the token at position p, values[slot,h,p mod C] = its v
  cached_attention   the same, and y[t,h] = sum_j softmax_j(scale q[t,h]·k[j]) v[j] over p - left <= j <= p

  qkv [T,(Hq+2Hkv)D]: the heads of q, then of k, then of v     y [T,Hq*D]     keys, values [S,Hkv,C,D]
  offsets [B+1]: each sequence's new tokens     slots [B]: its place in the cache     lengths [B]: how many it has there

A token's position is p = lengths[b] + t - offsets[b]. A window (left >= 0) makes the C >= left + 1 rows of a slot a
ring; without one C is the most tokens of a sequence. Keys are rotated when they are written.

Attention comes first and reads the new keys from qkv, so that a ring still has what the earlier of several new tokens
see; then the cache is written. A block takes a token, some query heads of a key head and a part of the keys; a second
kernel puts parts together in their order. It is bound by reading keys and values once: lanes share a row, 16 bytes
(float32: 32) each, and have four rows on their way.
*/
#include "attention_tiles.h"
#include "turn_rows.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int block_threads = 128, block_warps = block_threads / warp, lane_channels = 8, rows_ahead = 4;
constexpr int64_t least_part = 256, wanted_blocks = 1024;

struct Cache {
  const int32_t *offsets, *slots, *lengths;
  HeadRows q, k, v;  // of the new tokens
  void *keys, *values;
  int rows, sequences, places, kv_heads, group, dim, capacity, left;
  const float *cos, *sin;
  int positions;
  float scale;           // in units of ln 2
  int part_keys, parts;  // most parts of a token
  int shares;            // blocks that share a key head, for some of its query heads each
  float* partials;       // of each token, query head and part: dim sums, the best score, the total
};

// Where a new token stands, and what it sees; `valid` where its numbers lie in the cache.
struct Token {
  bool valid;
  int sequence, slot, length, position, first_new;  // row of the sequence's first new token

  __device__ __forceinline__ int first_key(int left) const { return left < 0 ? 0 : max(0, position - left); }
};
__device__ __forceinline__ Token token_at(const Cache& c, int t) {
  const int b = sequence_of(c.offsets, c.sequences, t);
  if (b >= c.sequences || t < c.offsets[b]) return {};
  const int slot = c.slots[b], length = c.lengths[b], first = c.offsets[b], position = length + t - first;
  const bool valid =
      slot >= 0 && slot < c.places && length >= 0 && first >= 0 && (c.left >= 0 || position < c.capacity);
  return {valid, b, slot, length, position, first};
}
__device__ __forceinline__ int64_t cache_row(const Cache& c, const Token& token, int head, int position) {
  return ((int64_t{token.slot} * c.kv_heads + head) * c.capacity + position % c.capacity) * c.dim;
}

// Channel d of a head's row, rotated to a position.
template <class Real>
__device__ __forceinline__ float rotated(const Cache& c, const Real* row, int d, int position) {
  if (!c.cos || c.positions == 0) return to_float(row[d]);
  const int half = c.dim / 2, j = d < half ? d : d - half;
  const int64_t at = int64_t{min(position, c.positions - 1)} * half + j;
  const float x = to_float(row[d]), other = to_float(row[d < half ? d + half : j]);
  const float s = __ldg(c.sin + at);
  return fmaf(x, __ldg(c.cos + at), d < half ? -(other * s) : other * s);
}
// A lane's channels of a row, as they lie in memory.
template <class Real>
struct Channels {
  Pack<Real> pack[lane_channels / Pack<Real>::size];
  __device__ __forceinline__ float operator[](int i) const {
    return to_float(pack[i / Pack<Real>::size].item[i % Pack<Real>::size]);
  }
  __device__ __forceinline__ void load(const Real* from) {
#pragma unroll
    for (int i = 0; i < lane_channels / Pack<Real>::size; i++) pack[i] = load_pack(from + i * Pack<Real>::size);
  }
  __device__ __forceinline__ void set(int i, float x) {
    store(&pack[i / Pack<Real>::size].item[i % Pack<Real>::size], x);
  }
};

template <class Real, int lanes, int heads>
__global__ void __launch_bounds__(block_threads) cached_attention_kernel(Cache c, Real* y) {
  constexpr int teams = block_threads / lanes;  // lanes that share a row are a team
  __shared__ float sums_of[block_warps][heads][lanes * lane_channels];
  __shared__ float best_of[block_warps][heads], total_of[block_warps][heads];
  const int t = static_cast<int>(blockIdx.x), kv_head = static_cast<int>(blockIdx.y) / c.shares;
  const int first_head = static_cast<int>(blockIdx.y) % c.shares * heads;  // within the group
  const int thread = static_cast<int>(threadIdx.x), team = thread / lanes, channel = thread % lanes * lane_channels;
  const int64_t width = int64_t{c.kv_heads} * c.group * c.dim;
  Real* const out = y + t * width + (int64_t{kv_head} * c.group + first_head) * c.dim;
  const int some_heads = min(heads, c.group - first_head);

  const Token token = token_at(c, t);
  const int first = token.first_key(c.left), part = static_cast<int>(blockIdx.z);
  const int begin = first + part * c.part_keys, end = min(begin + c.part_keys, token.position + 1);
  if (!token.valid || begin >= end) {
    if (token.valid || part > 0 || c.parts > 1) return;
    for (int i = thread; i < some_heads * c.dim; i += block_threads) store(out + i, 0.0f);
    return;
  }
  const bool in_row = channel < c.dim;

  float q[heads][lane_channels], sums[heads][lane_channels] = {};
  float best[heads], total[heads] = {};
#pragma unroll
  for (int h = 0; h < heads; h++) {
    const int head = kv_head * c.group + min(first_head + h, c.group - 1);
    const Real* row = head_at<Real>(c.q, t, head);
    best[h] = minus_infinity;
#pragma unroll
    for (int i = 0; i < lane_channels; i++) {
      q[h][i] = in_row ? rotated(c, row, channel + i, token.position) * c.scale : 0.0f;
    }
  }

  const Real* const keys = static_cast<const Real*>(c.keys);
  const Real* const values = static_cast<const Real*>(c.values);
  // Takes the keys [from, to), some rows of every team at a time.
  const auto take = [&]<int ahead, bool fresh>(int from, int to) {
#pragma unroll 1
    for (int j0 = from; j0 < to; j0 += teams * ahead) {
      Channels<Real> k[ahead] = {}, v[ahead] = {};
#pragma unroll
      for (int r = 0; r < ahead; r++) {
        const int j = j0 + r * teams + team;
        if (!in_row || j >= to) continue;
        if constexpr (fresh) {
          const int row = token.first_new + j - token.length;  // at most t
          const Real* new_key = head_at<Real>(c.k, row, kv_head);
          const Real* new_value = head_at<Real>(c.v, row, kv_head) + channel;
#pragma unroll
          for (int i = 0; i < lane_channels; i++) {
            k[r].set(i, rotated(c, new_key, channel + i, j));
            v[r].set(i, to_float(new_value[i]));
          }
        } else {
          const int64_t at = cache_row(c, token, kv_head, j) + channel;
          k[r].load(keys + at);
          v[r].load(values + at);
        }
      }
#pragma unroll
      for (int h = 0; h < heads; h++) {
        float s[ahead];
        float most = best[h];
#pragma unroll
        for (int r = 0; r < ahead; r++) {
          s[r] = 0.0f;
#pragma unroll
          for (int i = 0; i < lane_channels; i++) s[r] = fmaf(q[h][i], k[r][i], s[r]);
#pragma unroll
          for (int d = lanes / 2; d > 0; d /= 2) s[r] += __shfl_xor_sync(all_lanes, s[r], d);
          if (j0 + r * teams + team >= to) s[r] = minus_infinity;
          most = fmaxf(most, s[r]);
        }
        const float shift = most == minus_infinity ? 0.0f : most;
        const float shrink = power_of_two(best[h] - shift);
        best[h] = most;
        total[h] *= shrink;
#pragma unroll
        for (int i = 0; i < lane_channels; i++) sums[h][i] *= shrink;
#pragma unroll
        for (int r = 0; r < ahead; r++) {
          const float p = power_of_two(s[r] - shift);
          total[h] += p;
#pragma unroll
          for (int i = 0; i < lane_channels; i++) sums[h][i] = fmaf(p, v[r][i], sums[h][i]);
        }
      }
    }
  };
  take.template operator()<rows_ahead, false>(begin, min(end, token.length));
  take.template operator()<1, true>(max(begin, token.length), end);

  // Teams of a warp, then warps, always two and two or one after the other.
  const int number = thread / warp;
#pragma unroll
  for (int h = 0; h < heads; h++) {
#pragma unroll
    for (int d = lanes; d < warp; d *= 2) {
      const float most = fmaxf(best[h], __shfl_xor_sync(all_lanes, best[h], d));
      const float shrink = most == minus_infinity ? 0.0f : power_of_two(best[h] - most);
      best[h] = most;
      total[h] *= shrink;
      total[h] += __shfl_xor_sync(all_lanes, total[h], d);
#pragma unroll
      for (int i = 0; i < lane_channels; i++) {
        sums[h][i] *= shrink;
        sums[h][i] += __shfl_xor_sync(all_lanes, sums[h][i], d);
      }
    }
    if (thread % warp < lanes) {
#pragma unroll
      for (int i = 0; i < lane_channels; i++) sums_of[number][h][channel + i] = sums[h][i];
    }
    if (thread % warp == 0) {
      best_of[number][h] = best[h];
      total_of[number][h] = total[h];
    }
  }
  __syncthreads();
  for (int i = thread; i < some_heads * c.dim; i += block_threads) {
    const int h = i / c.dim, d = i % c.dim;
    float most = minus_infinity, all = 0.0f, sum = 0.0f;
    for (int w = 0; w < block_warps; w++) most = fmaxf(most, best_of[w][h]);
    for (int w = 0; w < block_warps; w++) {
      const float factor = best_of[w][h] == minus_infinity ? 0.0f : power_of_two(best_of[w][h] - most);
      all += total_of[w][h] * factor;
      sum += sums_of[w][h][d] * factor;
    }
    if (c.parts == 1) {
      store(out + i, sum / all);
      continue;
    }
    const int64_t head = int64_t{t} * c.kv_heads * c.group + kv_head * c.group + first_head + h;
    float* const partial = c.partials + (head * c.parts + part) * (c.dim + 2);
    partial[d] = sum;
    if (d == 0) {
      partial[c.dim] = most;
      partial[c.dim + 1] = all;
    }
  }
}

// The parts of a token and a query head.
template <class Real>
__global__ void __launch_bounds__(block_threads) join_kernel(Cache c, Real* y) {
  const int t = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y), heads = c.kv_heads * c.group;
  const Token token = token_at(c, t);
  const int seen = token.position + 1 - token.first_key(c.left);
  const int parts = token.valid ? min((seen + c.part_keys - 1) / c.part_keys, c.parts) : 0;
  const int64_t row = int64_t{t} * heads + head;
  const float* const partials = c.partials + row * c.parts * (c.dim + 2);
  const auto part = [&](int i) { return partials + static_cast<int64_t>(i) * (c.dim + 2); };
  float most = minus_infinity;
  for (int i = 0; i < parts; i++) most = fmaxf(most, part(i)[c.dim]);
  for (int d = static_cast<int>(threadIdx.x); d < c.dim; d += block_threads) {
    float all = 0.0f, sum = 0.0f;
    for (int i = 0; i < parts; i++) {
      const float factor = part(i)[c.dim] == minus_infinity ? 0.0f : power_of_two(part(i)[c.dim] - most);
      all += part(i)[c.dim + 1] * factor;
      sum += part(i)[d] * factor;
    }
    store(y + row * c.dim + d, parts > 0 ? sum / all : 0.0f);
  }
}

struct CacheFaults {
  OffsetFaults offsets;
  Fault slot, length, position;
};

__device__ __forceinline__ void check_cache(const Cache& c, const CacheFaults& bad) {
  check_offsets(bad.offsets, c.offsets, c.sequences, c.rows);
  const auto wrong_slot = [&](int b) { return c.slots[b] < 0 || c.slots[b] >= c.places; };
  const auto wrong_length = [&](int b) {
    const int64_t end = int64_t{c.lengths[b]} + c.offsets[b + 1] - c.offsets[b];
    return c.lengths[b] < 0 || (c.left < 0 && end > c.capacity);
  };
  bool wrong = false;
  for (int b = static_cast<int>(threadIdx.x); b < c.sequences; b += block_threads) {
    wrong = wrong || wrong_slot(b) || wrong_length(b);
  }
  const auto raise_first = [&] {
    for (int b = 0; b < c.sequences; b++) {
      if (wrong_slot(b)) return bad.slot.raise(b, c.slots[b], c.places, c.places - 1);
      if (wrong_length(b)) {
        return bad.length.raise(b, c.lengths[b], c.offsets[b + 1] - c.offsets[b], c.capacity);
      }
    }
  };
  if (__syncthreads_or(wrong) && threadIdx.x == 0) raise_first();
  if (c.cos) check_positions(bad.position, c.offsets, c.sequences, c.lengths, c.positions);
}

// Keys, rotated, and values of the new tokens that stay, a token a block: a ring keeps the last C.
template <class Real>
__global__ void __launch_bounds__(block_threads) append_kernel(Cache c, CacheFaults bad) {
  if (blockIdx.x == 0) check_cache(c, bad);
  const int t = static_cast<int>(blockIdx.x);
  if (t >= c.rows) return;
  const Token token = token_at(c, t);
  if (!token.valid || t < c.offsets[token.sequence + 1] - c.capacity) return;
  for (int i = static_cast<int>(threadIdx.x); i < c.kv_heads * c.dim; i += block_threads) {
    const int head = i / c.dim, d = i % c.dim;
    const int64_t at = cache_row(c, token, head, token.position) + d;
    store(static_cast<Real*>(c.keys) + at, rotated(c, head_at<Real>(c.k, t, head), d, token.position));
    static_cast<Real*>(c.values)[at] = head_at<Real>(c.v, t, head)[d];
  }
}

Cache describe(const View& keys, const View& values, const View& qkv, const View& cos, const View& sin,
               const View& offsets, const View& slots, const View& lengths, int64_t heads, double scale, int64_t left) {
  Cache c{};
  c.offsets = as<int32_t>(offsets);
  c.slots = as<int32_t>(slots);
  c.lengths = as<int32_t>(lengths);
  c.rows = static_cast<int>(qkv.shape[0]);
  c.sequences = static_cast<int>(slots.shape[0]);
  c.places = static_cast<int>(keys.shape[0]);
  c.kv_heads = static_cast<int>(keys.shape[1]);
  c.group = static_cast<int>(heads) / c.kv_heads;
  c.capacity = static_cast<int>(keys.shape[2]);
  c.dim = static_cast<int>(keys.shape[3]);
  c.q = head_rows(qkv, c.dim, 0);
  c.k = head_rows(qkv, c.dim, heads);
  c.v = head_rows(qkv, c.dim, heads + c.kv_heads);
  c.keys = keys.data;
  c.values = values.data;
  c.left = left < 0 ? -1 : static_cast<int>(left);
  c.scale = static_cast<float>(scale * double{log2_e});
  if (present(cos)) {
    c.cos = as<float>(cos);
    c.sin = as<float>(sin);
    c.positions = static_cast<int>(cos.shape[0]);
  }
  return c;
}

void append(Context& context, const Cache& c, DType dtype) {
  const CacheFaults bad{
      ETTIN_OFFSET_FAULTS(context, "offsets"),
      fault(context, "sequence %lld has slot %lld, but the cache has %lld. Pass slots 0 to %lld."),
      fault(context, "sequence %lld has %lld tokens and gets %lld, but a slot holds %lld. Make the cache larger."),
      position_fault(context)};
  by_float(dtype, [&]<class Real>() {
    launch(context, append_kernel<Real>, dim3(static_cast<unsigned>(max(1, c.rows))), dim3(block_threads), 0, c, bad);
  });
}

template <class Real, int lanes, int heads>
void attend_some(Context& context, Cache c, const View& y) {
  c.shares = static_cast<int>(ceil_div(c.group, heads));
  const int64_t blocks = max<int64_t>(1, int64_t{c.rows} * c.kv_heads * c.shares);
  const int64_t span = max(1, c.left < 0 ? c.capacity : c.left + 1);
  const int64_t parts = max<int64_t>(1, min(ceil_div(wanted_blocks, blocks), span / least_part));
  c.part_keys = static_cast<int>(round_up(ceil_div(span, parts), 64));
  c.parts = static_cast<int>(ceil_div(span, c.part_keys));
  if (c.parts > 1) {
    c.partials =
        static_cast<float*>(scratch(context, int64_t{c.rows} * c.kv_heads * c.group * c.parts * (c.dim + 2) * 4 + 4));
  }
  const dim3 grid(static_cast<unsigned>(c.rows), static_cast<unsigned>(c.kv_heads * c.shares),
                  static_cast<unsigned>(c.parts));
  launch(context, cached_attention_kernel<Real, lanes, heads>, grid, dim3(block_threads), 0, c, as<Real>(y));
  if (c.parts == 1) return;
  launch(context, join_kernel<Real>, dim3(static_cast<unsigned>(c.rows), static_cast<unsigned>(c.kv_heads * c.group)),
         dim3(block_threads), 0, c, as<Real>(y));
}

template <class Real, int lanes>
void attend_heads(Context& context, const Cache& c, const View& y) {
  if (c.group == 1) return attend_some<Real, lanes, 1>(context, c, y);
  if (c.group == 2) return attend_some<Real, lanes, 2>(context, c, y);
  attend_some<Real, lanes, 4>(context, c, y);
}

}  // namespace

void append_to_cache(Context& context, InOut keys, InOut values, View qkv, Optional cos, Optional sin, View offsets,
                     View slots, View lengths, int64_t heads, int64_t left) {
  append(context, describe(keys, values, qkv, cos, sin, offsets, slots, lengths, heads, 1.0, left), qkv.dtype);
}

void cached_attention(Context& context, Out y, InOut keys, InOut values, View qkv, Optional cos, Optional sin,
                      View offsets, View slots, View lengths, int64_t heads, double scale, int64_t left) {
  const Cache c = describe(keys, values, qkv, cos, sin, offsets, slots, lengths, heads, scale, left);
  by_float(qkv.dtype, [&]<class Real>() {
    if (c.dim <= 32) return attend_heads<Real, 4>(context, c, y);
    if (c.dim <= 64) return attend_heads<Real, 8>(context, c, y);
    if (c.dim <= 128) return attend_heads<Real, 16>(context, c, y);
    attend_heads<Real, 32>(context, c, y);
  });
  append(context, c, qkv.dtype);
}

}  // namespace ettin::ETTIN_LEVEL
