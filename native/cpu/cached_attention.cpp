/*
cached_attention: attention of new tokens to what came before them, and the writing of that cache.

  append_to_cache    keys[slot,h,p mod C] = rotated k of the token at position p, values[slot,h,p mod C] = its v
  cached_attention   the same, and y[t,h] = sum_j softmax_j(scale q[t,h]·k[j]) v[j] over p - left <= j <= p

  qkv [T,(Hq+2Hkv)D]: the heads of q, then of k, then of v     y [T,Hq*D]     keys, values [S,Hkv,C,D]
  offsets [B+1]: each sequence's new tokens     slots [B]: its place in the cache     lengths [B]: how many it has there

A token's position is p = lengths[b] + t - offsets[b]. A window (left >= 0) makes the C >= left + 1 rows of a slot a
ring; without one C is the most tokens of a sequence. Keys are rotated when they are written, and lie head by head, so
that a query reads them from one end to the other; the query heads of a key head share the reading.

A task is a token, a key head and a part of the keys; parts start at fixed positions and are put together in their
order, so neither threads nor other sequences change a bit. Several new tokens under a window overwrite keys that the
earlier ones still see: there a task takes a sequence's tokens one after the other.
*/
#include "attention_forward.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t part_keys = 1024;
constexpr int64_t block_keys = 32;       // rows of values that stay in the first cache while the query heads take turns
constexpr int64_t least_work = 1 << 15;  // multiply-adds that are worth a task

struct Cache {
  const int32_t *offsets, *slots, *lengths;
  HeadRows q, k, v;  // of the new tokens
  DType dtype;
  void *keys, *values;
  int64_t sequences, kv_heads, group, dim, wide, capacity, left;
  const float *cos, *sin;
  float scale;

  int64_t count(int64_t b) const { return offsets[b + 1] - offsets[b]; }
  int64_t heads() const { return kv_heads * group; }
  int64_t first_key(int64_t position) const { return left < 0 ? 0 : max<int64_t>(0, position - left); }
  template <class Real>
  Real* slot(void* all, int64_t b, int64_t head) const {
    return static_cast<Real*>(all) + (slots[b] * kv_heads + head) * capacity * dim;
  }
};

Cache describe(const View& keys, const View& values, const View& qkv, const View& cos, const View& sin,
               const View& offsets, const View& slots, const View& lengths, int64_t heads, double scale, int64_t left) {
  Cache c{};
  c.offsets = as<int32_t>(offsets);
  c.slots = as<int32_t>(slots);
  c.lengths = as<int32_t>(lengths);
  c.sequences = slots.shape[0];
  c.kv_heads = keys.shape[1];
  c.group = heads / c.kv_heads;
  c.capacity = keys.shape[2];
  c.dim = keys.shape[3];
  c.wide = round_up(c.dim, lanes);
  c.q = head_rows(qkv, c.dim, 0);
  c.k = head_rows(qkv, c.dim, heads);
  c.v = head_rows(qkv, c.dim, heads + c.kv_heads);
  c.dtype = qkv.dtype;
  c.keys = keys.data;
  c.values = values.data;
  c.left = left;
  c.scale = static_cast<float>(scale * log2_e);
  check_offsets("offsets", c.offsets, c.sequences, qkv.shape[0]);
  for (int64_t b = 0; b < c.sequences; b++) {
    if (c.slots[b] < 0 || c.slots[b] >= keys.shape[0]) {
      fail("sequence %lld has slot %d, but the cache has %lld. Pass slots 0 to %lld.", static_cast<long long>(b),
           c.slots[b], static_cast<long long>(keys.shape[0]), static_cast<long long>(keys.shape[0] - 1));
    }
    const int64_t end = c.lengths[b] + c.count(b);
    if (c.lengths[b] < 0 || (left < 0 && end > c.capacity)) {
      fail("sequence %lld has %d tokens and gets %lld, but a slot holds %lld. Make the cache larger.",
           static_cast<long long>(b), c.lengths[b], static_cast<long long>(c.count(b)),
           static_cast<long long>(c.capacity));
    }
  }
  if (present(cos)) {
    c.cos = as<float>(cos);
    c.sin = as<float>(sin);
    check_positions(c.offsets, c.sequences, c.lengths, cos.shape[0]);
  }
  return c;
}

// The key and the value of sequence b's new token i, one head.
template <class Real>
void append(const Cache& c, int64_t b, int64_t i, int64_t head) {
  const int64_t t = c.offsets[b] + i, position = c.lengths[b] + i, at = position % c.capacity * c.dim;
  copy_rows(c.slot<Real>(c.keys, b, head) + at, c.dim,
            static_cast<const Real*>(c.k.data) + t * c.k.row + head * c.k.head, c.k.row, 1, c.dim, 1.0f, c.cos, c.sin,
            position, false);
  copy_rows(c.slot<Real>(c.values, b, head) + at, c.dim,
            static_cast<const Real*>(c.v.data) + t * c.v.row + head * c.v.head, c.v.row, 1, c.dim, 1.0f, nullptr,
            nullptr, 0, false);
}

// All new tokens that stay: a ring keeps the last C.
template <class Real>
void append_all(Context& context, const Cache& c) {
  const int64_t rows = c.offsets[c.sequences];
  parallel_chunks(context, rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t b = 0; b < c.sequences; b++) {
      const int64_t n = c.count(b), first = c.offsets[b];
      const int64_t from = max(begin - first, max<int64_t>(0, n - c.capacity)), to = min(n, end - first);
      for (int64_t i = from; i < to; i++) {
        for (int64_t head = 0; head < c.kv_heads; head++) append<Real>(c, b, i, head);
      }
    }
  });
}

// One worker's tiles: the group's queries, scores of a part, and what the part adds up to.
struct Tiles {
  float *q, *scores, *sums, *best, *total;
  int64_t floats;

  Tiles(const Cache& c, float* scratch) {
    Cutter cut{scratch, 0};
    q = cut.take(c.group * c.wide);
    scores = cut.take(c.group * (part_keys + lanes));
    sums = cut.take(c.group * c.wide);
    best = cut.take(c.group);
    total = cut.take(c.group);
    floats = cut.floats;
  }
};

template <class Real>
void load_queries(const Cache& c, const Tiles& tiles, int64_t t, int64_t position, int64_t kv_head) {
  for (int64_t g = 0; g < c.group; g++) {
    const int64_t head = kv_head * c.group + g;
    copy_rows(tiles.q + g * c.wide, c.wide, static_cast<const Real*>(c.q.data) + t * c.q.row + head * c.q.head, c.q.row,
              1, c.dim, c.scale, c.cos, c.sin, position, false);
    for (int64_t d = c.dim; d < c.wide; d++) tiles.q[g * c.wide + d] = 0.0f;
    for (int64_t d = 0; d < c.wide; d += lanes) store(tiles.sums + g * c.wide + d, zero());
    tiles.best[g] = -__builtin_inff();
    tiles.total[g] = 0.0f;
  }
}

// scores[g, j] = q[g] · key first + j, a vector of keys at a time; -infinity behind the last.
template <class Real>
void score_keys(const Cache& c, const Tiles& tiles, const Real* keys, int64_t first, int64_t count) {
  const int64_t start = first % c.capacity;
  for (int64_t j = 0; j < count; j += lanes) {
    const Real* rows[lanes];
    for (int i = 0; i < lanes; i++) {
      int64_t row = start + min(j + i, count - 1);
      if (row >= c.capacity) row -= c.capacity;
      rows[i] = keys + row * c.dim;
    }
    for (int64_t g = 0; g < c.group; g++) {
      const float* q = tiles.q + g * c.wide;
      vf sums[lanes];
      for (int i = 0; i < lanes; i++) sums[i] = zero();
      for (int64_t d = 0; d < c.dim; d += lanes) {
        const vf query = load(q + d);
        for (int i = 0; i < lanes; i++) sums[i] = fma(query, load(rows[i] + d, c.dim - d), sums[i]);
      }
      transpose(sums);
      for (int step = 1; step < lanes; step *= 2) {
        for (int i = 0; i + step < lanes; i += 2 * step) sums[i] = add(sums[i], sums[i + step]);
      }
      float* out = tiles.scores + g * (part_keys + lanes) + j;
      store(out, sums[0]);
      for (int64_t i = count - j; i < lanes; i++) out[i] = -__builtin_inff();
    }
  }
}

// sums[d] += sum_j p[j] * values[j, d] over V vectors of channels and `count` rows that lie together.
template <int V, class Real>
void add_values(float* sums, const float* p, const Real* values, int64_t dim, int64_t channels, int64_t count) {
  vf total[V];
  for (int i = 0; i < V; i++) total[i] = load(sums + i * lanes);
  for (int64_t j = 0; j < count; j++) {
    const vf weight = set(p[j]);
    for (int i = 0; i < V; i++) {
      total[i] = fma(weight, load(values + j * dim + i * lanes, channels - i * lanes), total[i]);
    }
  }
  for (int i = 0; i < V; i++) store(sums + i * lanes, total[i]);
}

template <class Real>
void weigh_values(const Cache& c, const Tiles& tiles, const Real* values, int64_t first, int64_t count) {
  const int64_t start = first % c.capacity;
  for (int64_t j = 0; j < count;) {
    const int64_t row = start + j < c.capacity ? start + j : start + j - c.capacity;
    const int64_t n = min(min(block_keys, count - j), c.capacity - row);
    for (int64_t g = 0; g < c.group; g++) {
      float* sums = tiles.sums + g * c.wide;
      const float* p = tiles.scores + g * (part_keys + lanes) + j;
      for (int64_t d = 0; d < c.dim;) {
        const int64_t left = c.dim - d;
        const Real* at = values + row * c.dim + d;
        if (left >= 8 * lanes) {
          add_values<8>(sums + d, p, at, c.dim, left, n);
          d += 8 * lanes;
        } else if (left >= 4 * lanes) {
          add_values<4>(sums + d, p, at, c.dim, left, n);
          d += 4 * lanes;
        } else {
          add_values<1>(sums + d, p, at, c.dim, left, n);
          d += lanes;
        }
      }
    }
    j += n;
  }
}

// The keys [range) of a head, added to what the tiles hold.
template <class Real>
void attend_range(const Cache& c, const Tiles& tiles, int64_t b, int64_t head, Range range) {
  const Real* keys = c.slot<Real>(c.keys, b, head);
  const Real* values = c.slot<Real>(c.values, b, head);
  for (int64_t first = range.begin; first < range.end; first += part_keys) {
    const int64_t count = min(part_keys, range.end - first);
    score_keys(c, tiles, keys, first, count);
    for (int64_t g = 0; g < c.group; g++) {
      exponentials<float>(tiles.scores + g * (part_keys + lanes), 0, round_up(count, lanes), 1.0f, tiles.best + g,
                          tiles.total + g, tiles.sums + g * c.wide, c.wide);
    }
    weigh_values(c, tiles, values, first, count);
  }
}

template <class Real>
void write_rows(const Cache& c, const View& y, int64_t t, int64_t head, const float* sums, const float* total,
                int64_t count) {
  for (int64_t g = 0; g < count; g++) {
    copy_rows(as<Real>(y) + (t * c.heads() + head + g) * c.dim, c.dim, sums + g * c.wide, c.wide, 1, c.dim,
              1.0f / total[g], nullptr, nullptr, 0, false);
  }
}

// Sequences one after the other token by token: for several new tokens and a window.
template <class Real>
void attend_in_order(Context& context, const Cache& c, const View& y, float* memory, int64_t floats) {
  parallel_for(context, c.sequences * c.kv_heads, [&](int64_t task, int worker) {
    const Tiles tiles(c, memory + worker * floats);
    const int64_t b = task / c.kv_heads, head = task % c.kv_heads;
    for (int64_t i = 0; i < c.count(b); i++) {
      const int64_t t = c.offsets[b] + i, position = c.lengths[b] + i;
      append<Real>(c, b, i, head);
      load_queries<Real>(c, tiles, t, position, head);
      attend_range<Real>(c, tiles, b, head, {c.first_key(position), position + 1});
      write_rows<Real>(c, y, t, head * c.group, tiles.sums, tiles.total, c.group);
    }
  });
}

struct Part {
  int64_t sequence, token, position;
  Range keys;
  int64_t partial;  // its place among the partial sums, or -1: it writes y itself
};

// Parts of one token, one after the other.
struct Whole {
  int64_t token, first, count;
};

struct Plan {
  Part* parts;
  Whole* wholes;  // tokens of more than one part
  int64_t count, wholes_count, partials, keys;

  // A window is never cut. Without memory it only counts.
  void add(const Cache& c, int64_t b, int64_t t, int64_t position) {
    const Range range{c.first_key(position), position + 1};
    const int64_t n = c.left < 0 ? ceil_div(range.end, part_keys) : 1;
    if (n > 1) {
      if (wholes) wholes[wholes_count] = {t, partials, n};
      wholes_count++;
    }
    for (int64_t i = 0; i < n; i++) {
      const Range keys_of = n == 1 ? range : Range{i * part_keys, min(range.end, (i + 1) * part_keys)};
      if (parts) parts[count] = {b, t, position, keys_of, n == 1 ? -1 : partials};
      count++;
      if (n > 1) partials++;
    }
    keys += range.end - range.begin;
  }
  void add_all(const Cache& c) {
    for (int64_t b = 0; b < c.sequences; b++) {
      for (int64_t i = 0; i < c.count(b); i++) add(c, b, c.offsets[b] + i, c.lengths[b] + i);
    }
  }
};

template <class Real>
void attend_in_parts(Context& context, const Cache& c, const View& y, float* memory, int64_t floats) {
  Plan size{};
  size.add_all(c);
  Plan plan{};
  plan.parts = static_cast<Part*>(scratch(context, (size.count + 1) * static_cast<int64_t>(sizeof(Part))));
  plan.wholes = static_cast<Whole*>(scratch(context, (size.wholes_count + 1) * static_cast<int64_t>(sizeof(Whole))));
  plan.add_all(c);
  // of each partial and key head: the group's sums, then its best scores and totals
  const int64_t partial_floats = c.group * (c.wide + 2);
  auto* partials = static_cast<float*>(scratch(context, (plan.partials * c.kv_heads * partial_floats + 1) * 4));

  // Chunks of tasks, so that few keys do not wake other threads.
  const int64_t tasks = plan.count * c.kv_heads;
  const int64_t work = max<int64_t>(1, plan.keys * c.heads() * c.dim * 2 / max<int64_t>(1, tasks));
  const int64_t grain = max<int64_t>(1, least_work / work);
  parallel_for(context, ceil_div(tasks, grain), [&](int64_t chunk, int worker) {
    const Tiles tiles(c, memory + worker * floats);
    for (int64_t task = chunk * grain; task < min(tasks, (chunk + 1) * grain); task++) {
      const Part& part = plan.parts[task / c.kv_heads];
      const int64_t head = task % c.kv_heads;
      load_queries<Real>(c, tiles, part.token, part.position, head);
      attend_range<Real>(c, tiles, part.sequence, head, part.keys);
      if (part.partial < 0) {
        write_rows<Real>(c, y, part.token, head * c.group, tiles.sums, tiles.total, c.group);
        continue;
      }
      float* out = partials + (part.partial * c.kv_heads + head) * partial_floats;
      for (int64_t i = 0; i < c.group * c.wide; i++) out[i] = tiles.sums[i];
      for (int64_t g = 0; g < c.group; g++) {
        out[c.group * c.wide + g] = tiles.best[g];
        out[c.group * (c.wide + 1) + g] = tiles.total[g];
      }
    }
  });

  parallel_for(context, plan.wholes_count * c.kv_heads, [&](int64_t task, int worker) {
    const Tiles tiles(c, memory + worker * floats);
    const Whole& whole = plan.wholes[task / c.kv_heads];
    const int64_t head = task % c.kv_heads;
    for (int64_t g = 0; g < c.group; g++) {
      const auto part = [&](int64_t i) { return partials + ((whole.first + i) * c.kv_heads + head) * partial_floats; };
      float best = -__builtin_inff(), total = 0.0f;
      for (int64_t i = 0; i < whole.count; i++) best = max(part(i)[c.group * c.wide + g], best);
      float* sums = tiles.sums + g * c.wide;
      for (int64_t d = 0; d < c.wide; d += lanes) store(sums + d, zero());
      for (int64_t i = 0; i < whole.count; i++) {
        const vf factor = exp2(sub(set(part(i)[c.group * c.wide + g]), set(best)));
        float factors[lanes];
        store(factors, factor);
        total += part(i)[c.group * (c.wide + 1) + g] * factors[0];
        const float* from = part(i) + g * c.wide;
        for (int64_t d = 0; d < c.wide; d += lanes) store(sums + d, fma(factor, load(from + d), load(sums + d)));
      }
      tiles.total[g] = total;
    }
    write_rows<Real>(c, y, whole.token, head * c.group, tiles.sums, tiles.total, c.group);
  });
}

}  // namespace

void append_to_cache(Context& context, InOut keys, InOut values, View qkv, Optional cos, Optional sin, View offsets,
                     View slots, View lengths, int64_t heads, int64_t left) {
  const Cache c = describe(keys, values, qkv, cos, sin, offsets, slots, lengths, heads, 1.0, left);
  by_float(c.dtype, [&]<class Real>() { append_all<Real>(context, c); });
}

void cached_attention(Context& context, Out y, InOut keys, InOut values, View qkv, Optional cos, Optional sin,
                      View offsets, View slots, View lengths, int64_t heads, double scale, int64_t left) {
  const Cache c = describe(keys, values, qkv, cos, sin, offsets, slots, lengths, heads, scale, left);
  bool several = false;
  for (int64_t b = 0; b < c.sequences; b++) several |= c.count(b) > 1;
  const int64_t floats = Tiles(c, nullptr).floats;
  auto* memory = static_cast<float*>(scratch(context, workers(context) * floats * 4));
  by_float(c.dtype, [&]<class Real>() {
    if (several && left >= 0) return attend_in_order<Real>(context, c, y, memory, floats);
    append_all<Real>(context, c);
    attend_in_parts<Real>(context, c, y, memory, floats);
  });
}

}  // namespace ettin::ETTIN_LEVEL
