// max_sim: late interaction. Each query token finds its best document token; a score is the sum of those.
//
//   scores[q,j] = sum over i in q of max over r in j of q[i] · d[r]        for all pairs, or for those listed
//   rows        = that r (the first of equals), as a row of d; -1 where the document is empty
//   dq[i] = sum over j of dscores[q,j] d[rows[i,j]]     dd[r] = sum over (i,j) with rows[i,j] = r of dscores[q,j] q[i]
//
//   q, dq [Tq,D] with query_offsets [Q+1]   d, dd [Td,D] with document_offsets [N+1]
//   all pairs:  scores, dscores [Q,N] float32   rows [Tq,N] int32
//   pairs [P,2] int32 (query, document):  scores, dscores [P]   rows [P,L], L at least the longest query of a pair
//
// A score does not depend on the other queries and documents. An empty document scores 0, and so does an empty
// query. The matrix of all token scores is never made: a task holds 32 by 64 of it. A NaN wins, so that it is seen.
#include "add_row.h"
#include "dot_tile.h"
#include "segments.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t query_block = 32;
constexpr int64_t document_block = 64;
constexpr int64_t products_per_task = int64_t{1} << 20;

struct Pair {
  int64_t query, document;
};

struct Interaction {
  Segments queries, documents;
  const int32_t* pairs;  // null: all, query by query
  int64_t count;
  int64_t width;  // of rows

  Pair pair(int64_t p) const {
    if (pairs) return {pairs[2 * p], pairs[2 * p + 1]};
    return {p / documents.count, p % documents.count};
  }
  // Where rows has token i of pair p's query; i counts rows of q.
  int64_t place(int64_t p, int64_t i) const {
    if (pairs) return p * width + i - queries.begin(pairs[2 * p]);
    return i * width + p % documents.count;
  }
};

Interaction interaction_of(const View& q, const View& d, const View& query_offsets, const View& document_offsets,
                           const Optional& pairs, const View& rows) {
  Interaction all{segments_of(query_offsets, Optional{}, q.shape[0]),
                  segments_of(document_offsets, Optional{}, d.shape[0]), nullptr, 0, rows.shape[1]};
  all.count = all.queries.count * all.documents.count;
  if (pairs.dims < 0) return all;
  all.pairs = as<int32_t>(pairs);
  all.count = pairs.shape[0];
  for (int64_t p = 0; p < all.count; p++) {
    const auto [query, document] = all.pair(p);
    if (query < 0 || query >= all.queries.count || document < 0 || document >= all.documents.count) {
      fail("pair %lld is (%lld, %lld), but there are %lld queries and %lld documents. Number both from 0.",
           static_cast<long long>(p), static_cast<long long>(query), static_cast<long long>(document),
           static_cast<long long>(all.queries.count), static_cast<long long>(all.documents.count));
    }
    const int64_t tokens = all.queries.end(query) - all.queries.begin(query);
    if (tokens > all.width) {
      fail("query %lld has %lld tokens, but there is room for %lld. Pass the longest query's number of tokens.",
           static_cast<long long>(query), static_cast<long long>(tokens), static_cast<long long>(all.width));
    }
  }
  return all;
}

template <class T>
float score_pair(int32_t* rows, const Interaction& all, int64_t p, const T* q, const T* d, int64_t D) {
  const auto [query, document] = all.pair(p);
  const int64_t begin = all.documents.begin(document), end = all.documents.end(document);
  alignas(64) float tile[query_block * document_block];
  float score = 0.0f;
  for (int64_t i = all.queries.begin(query); i < all.queries.end(query); i += query_block) {
    const int64_t tokens = min(query_block, all.queries.end(query) - i);
    vf best[query_block];
    vi winner[query_block];
    for (int64_t k = 0; k < tokens; k++) {
      best[k] = set(-__builtin_inff());
      winner[k] = set_int(-1);
    }
    for (int64_t r = begin; r < end; r += document_block) {
      const int64_t found = min(document_block, end - r);
      dot_block(tile, document_block, q + i * D, tokens, d + r * D, found, D);
      for (int64_t k = 0; k < tokens; k++) {
        float* line = tile + k * document_block;
        for (int64_t c = found; c < round_up(found, lanes); c++) line[c] = -__builtin_inff();
        for (int64_t c = 0; c < found; c += lanes) {
          const vf s = load(line + c);
          const mask wins = either(less(best[k], s), both(is_nan(s), equal(best[k], best[k])));
          best[k] = select(wins, s, best[k]);
          winner[k] = select(wins, add(iota(), set_int(static_cast<int32_t>(r + c))), winner[k]);
        }
      }
    }
    for (int64_t k = 0; k < tokens; k++) {
      float values[lanes];
      int32_t at[lanes];
      store(values, best[k]);
      store(at, winner[k]);
      float top = values[0];
      int32_t row = at[0];
      for (int c = 1; c < lanes; c++) {
        const bool wins = values[c] > top || (values[c] != values[c] && top == top);
        if (wins || (values[c] == top && at[c] >= 0 && (row < 0 || at[c] < row))) {
          top = values[c];
          row = at[c];
        }
      }
      rows[all.place(p, i + k)] = row;
      if (begin < end) score += top;
    }
  }
  return score;
}

// The pairs of each query, or of each document, in ascending order: those of k are items[start[k] … start[k+1]-1].
struct Lists {
  int64_t *start, *items;
};

Lists lists_of(Context& context, const Interaction& all, int64_t keys, bool by_query) {
  Lists lists{static_cast<int64_t*>(scratch(context, (keys + 2) * 8)),
              static_cast<int64_t*>(scratch(context, all.count * 8))};
  const auto key = [&](int64_t p) { return by_query ? all.pair(p).query : all.pair(p).document; };
  zero_bytes(lists.start, (keys + 2) * 8);
  for (int64_t p = 0; p < all.count; p++) lists.start[key(p) + 2]++;
  for (int64_t k = 1; k <= keys; k++) lists.start[k + 1] += lists.start[k];
  for (int64_t p = 0; p < all.count; p++) lists.items[lists.start[key(p) + 1]++] = p;
  return lists;
}

template <class T>
void add_to_queries(Context& context, float* dq, const float* dscores, const int32_t* rows, const Interaction& all,
                    const T* d, int64_t D) {
  const Lists pairs = lists_of(context, all, all.queries.count, true);
  parallel_for(context, all.queries.count, [&](int64_t query, int) {
    for (int64_t i = all.queries.begin(query); i < all.queries.end(query); i++) {
      zero_bytes(dq + i * D, D * 4);
      for (int64_t n = pairs.start[query]; n < pairs.start[query + 1]; n++) {
        const int64_t p = pairs.items[n], row = rows[all.place(p, i)];
        if (row >= 0) add_row(dq + i * D, d + row * D, dscores[p], D);
      }
    }
  });
}

template <class T>
void add_to_documents(Context& context, float* dd, const float* dscores, const int32_t* rows, const Interaction& all,
                      const T* q, int64_t D) {
  const Lists pairs = lists_of(context, all, all.documents.count, false);
  parallel_for(context, all.documents.count, [&](int64_t document, int) {
    const int64_t begin = all.documents.begin(document), end = all.documents.end(document);
    zero_bytes(dd + begin * D, (end - begin) * D * 4);
    for (int64_t n = pairs.start[document]; n < pairs.start[document + 1]; n++) {
      const int64_t p = pairs.items[n], query = all.pair(p).query;
      for (int64_t i = all.queries.begin(query); i < all.queries.end(query); i++) {
        const int64_t row = rows[all.place(p, i)];
        if (row >= 0) add_row(dd + row * D, q + i * D, dscores[p], D);
      }
    }
  });
}

}  // namespace

void max_sim_forward(Context& context, Out scores, Out rows, View q, View d, View query_offsets, View document_offsets,
                     Optional pairs) {
  const Interaction all = interaction_of(q, d, query_offsets, document_offsets, pairs, rows);
  const int64_t D = q.shape[1], L = all.width;
  if (all.pairs) {
    for (int64_t i = 0; i < all.count * L; i++) as<int32_t>(rows)[i] = -1;
  }
  if (all.count == 0) return;
  const int64_t products = max<int64_t>(1, q.shape[0] / max<int64_t>(all.queries.count, 1)) *
                           max<int64_t>(1, d.shape[0] / max<int64_t>(all.documents.count, 1)) * max<int64_t>(D, 1);
  const int64_t grain = max<int64_t>(1, products_per_task / products);
  parallel_chunks(context, all.count, grain, [&](int64_t begin, int64_t end) {
    by_float(q.dtype, [&]<class T>() {
      for (int64_t p = begin; p < end; p++) {
        as<float>(scores)[p] = score_pair(as<int32_t>(rows), all, p, as<T>(q), as<T>(d), D);
      }
    });
  });
}

void max_sim_backward(Context& context, OptionalOut dq, OptionalOut dd, View dscores, View rows, View q, View d,
                      View query_offsets, View document_offsets, Optional pairs) {
  const Interaction all = interaction_of(q, d, query_offsets, document_offsets, pairs, rows);
  const int64_t D = q.shape[1];
  float* dq_sums = sums_for(context, dq);
  float* dd_sums = sums_for(context, dd);
  by_float(q.dtype, [&]<class T>() {
    if (present(dq)) add_to_queries(context, dq_sums, as<float>(dscores), as<int32_t>(rows), all, as<T>(d), D);
    if (present(dd)) add_to_documents(context, dd_sums, as<float>(dscores), as<int32_t>(rows), all, as<T>(q), D);
  });
  store_sums(context, dq, dq_sums);
  store_sums(context, dd, dd_sums);
}

}  // namespace ettin::ETTIN_LEVEL
