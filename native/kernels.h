// Every kernel, declared once for all devices and levels. A device fills one `Kernels` table; a kernel
// that it lacks does not link. Shapes are checked above (packages/core/src/ops): kernels trust them, and
// check only what lies in the data (ids, offsets).
//
// T tokens in one packed stream, B sequences: sequence b is rows offsets[b] … offsets[b+1]-1.
// C channels, H heads, D head size, V vocabulary, S scored rows, M N K as in a product.
// "float" is float32 or bfloat16; statistics (mean, rstd, lse, norm) and losses are float32, ids int32.
// `axis` kernels see contiguous x as [outer, n, inner]. Unless a line says "strided", inputs are contiguous.
// In-place arguments (InOut) with `accumulate`: add to what is there, else overwrite it.
#pragma once

#include "view.h"

namespace ettin {

struct Context;

#define ETTIN_KERNELS(K)                                                                                               \
  /* filling, copying, casting: float32, bfloat16, int32 */                                                            \
  K(fill, (Context&, Out y, double value))                                                                             \
  K(arange, (Context&, Out y, double start, double step))                                                              \
  K(random_normal, (Context&, Out y, double std, double outside, double bound, int64_t seed, int64_t stream))          \
  K(copy, (Context&, Out y, View x))                                     /* strided x (also stride 0); casts */        \
  K(copy_into, (Context&, InOut y, View x, int64_t axis, int64_t start)) /* y[.., start+i, ..] = x[.., i, ..] */       \
                                                                                                                       \
  /* elementwise, strided inputs already expanded to y's shape (stride 0 where broadcast) */                           \
  K(add, (Context&, Out y, View a, View b))                                                                            \
  K(sub, (Context&, Out y, View a, View b))                                                                            \
  K(mul, (Context&, Out y, View a, View b))                                                                            \
  K(div, (Context&, Out y, View a, View b))                                                                            \
  K(greater, (Context&, Out y, View a, View b))                    /* y int32: 1 where a > b */                        \
  K(equal, (Context&, Out y, View a, View b))                      /* y int32 */                                       \
  K(where, (Context&, Out y, View condition, View a, View b))      /* condition int32: a where not 0, else b */        \
  K(affine, (Context&, Out y, View x, double scale, double shift)) /* scale * x + shift */                             \
                                                                                                                       \
  /* activations, contiguous */                                                                                        \
  K(gelu_forward, (Context&, Out y, View x))                                                                           \
  K(gelu_backward, (Context&, Out dx, View dy, View x))                                                                \
  K(gelu_tanh_forward, (Context&, Out y, View x))                                                                      \
  K(gelu_tanh_backward, (Context&, Out dx, View dy, View x))                                                           \
  K(silu_forward, (Context&, Out y, View x))                                                                           \
  K(silu_backward, (Context&, Out dx, View dy, View x))                                                                \
  K(relu_forward, (Context&, Out y, View x))                                                                           \
  K(relu_backward, (Context&, Out dx, View dy, View x))                                                                \
  K(sigmoid_forward, (Context&, Out y, View x))                                                                        \
  K(sigmoid_backward, (Context&, Out dx, View dy, View y))                                                             \
  K(tanh_forward, (Context&, Out y, View x))                                                                           \
  K(tanh_backward, (Context&, Out dx, View dy, View y))                                                                \
  K(exp_forward, (Context&, Out y, View x))                                                                            \
  K(exp_backward, (Context&, Out dx, View dy, View y))                                                                 \
  K(log_forward, (Context&, Out y, View x))                                                                            \
  K(log_backward, (Context&, Out dx, View dy, View x))                                                                 \
  K(log1p_forward, (Context&, Out y, View x))                                                                          \
  K(log1p_backward, (Context&, Out dx, View dy, View x))                                                               \
  K(sqrt_forward, (Context&, Out y, View x))                                                                           \
  K(sqrt_backward, (Context&, Out dx, View dy, View y))                                                                \
  K(softplus_forward, (Context&, Out y, View x))                                                                       \
  K(softplus_backward, (Context&, Out dx, View dy, View x))                                                            \
  K(geglu_forward, (Context&, Out y, View x)) /* x [T,2C]: y = gelu(x[:, :C]) * x[:, C:] */                            \
  K(geglu_backward, (Context&, Out dx, View dy, View x))                                                               \
  K(swiglu_forward, (Context&, Out y, View x)) /* x [T,2C]: y = silu(x[:, :C]) * x[:, C:] */                           \
  K(swiglu_backward, (Context&, Out dx, View dy, View x))                                                              \
  /* one draw per (seed, step, site, sequence number, position, channel); backward is the same call on dy */           \
  K(dropout, (Context&, Out y, View x, Optional offsets, Optional sequences, int64_t first_sequence, double rate,      \
              int64_t seed, int64_t step, int64_t site))                                                               \
                                                                                                                       \
  /* reductions over an axis */                                                                                        \
  K(sum, (Context&, Out y, View x, int64_t axis))                                                                      \
  K(mean, (Context&, Out y, View x, int64_t axis))                                                                     \
  K(max_forward, (Context&, Out y, Out indices, View x, int64_t axis)) /* the first of equals */                       \
  K(max_backward, (Context&, Out dx, View dy, View indices, int64_t axis))                                             \
  K(logsumexp_forward, (Context&, Out y, View x, int64_t axis))                                                        \
  K(logsumexp_backward, (Context&, Out dx, View dy, View x, View y, int64_t axis))                                     \
  K(softmax_forward, (Context&, Out y, View x, int64_t axis))                                                          \
  K(softmax_backward, (Context&, Out dx, View dy, View y, int64_t axis))                                               \
  K(log_softmax_forward, (Context&, Out y, View x, int64_t axis))                                                      \
  K(log_softmax_backward, (Context&, Out dx, View dy, View y, int64_t axis))                                           \
  K(top_k, (Context&, Out values, Out indices, View x, int64_t k)) /* last axis, descending, lower index first */      \
                                                                                                                       \
  /* pooling over packed sequences: x [T,C], y [B,C]; sequence b pools rows starts[b] (else offsets[b]) on */          \
  K(segment_mean_forward, (Context&, Out y, View x, View offsets, Optional starts))                                    \
  K(segment_mean_backward, (Context&, Out dx, View dy, View offsets, Optional starts))                                 \
  K(segment_weighted_mean_forward, (Context&, Out y, View x, View offsets)) /* weights 1, 2, 3 … */                  \
  K(segment_weighted_mean_backward, (Context&, Out dx, View dy, View offsets))                                         \
  K(segment_max_forward, (Context&, Out y, Out rows, View x, View offsets, Optional starts)) /* rows: -1 if empty */   \
  K(segment_max_backward, (Context&, Out dx, View dy, View rows))                                                      \
  K(segment_first_forward, (Context&, Out y, View x, View offsets))                                                    \
  K(segment_first_backward, (Context&, Out dx, View dy, View offsets))                                                 \
  K(segment_last_forward, (Context&, Out y, View x, View offsets))                                                     \
  K(segment_last_backward, (Context&, Out dx, View dy, View offsets))                                                  \
                                                                                                                       \
  /* rows by number */                                                                                                 \
  K(gather, (Context&, StoredOut y, Stored x, View rows))     /* y[i] = x[rows[i]], first axis */                      \
  K(scatter_add, (Context&, Out y, View x, View rows))        /* y = 0; y[rows[i]] += x[i], in the order of i */       \
  K(take_along, (Context&, Out y, View x, View indices))      /* last axis: y[n,j] = x[n, indices[n,j]] */             \
  K(put_along, (Context&, Out y, View x, View indices))       /* y = 0; y[n, indices[n,j]] += x[n,j] */                \
  K(embedding_forward, (Context&, Out y, Weight w, View ids)) /* w [V,C] float32 or bfloat16; y of either dtype */     \
  K(embedding_backward, (Context&, InOut dw, View dy, View ids, bool accumulate))                                      \
                                                                                                                       \
  /* norms: x [T,C]; s = x + residual where there is one, written to `sum` */                                          \
  K(layer_norm_forward, (Context&, Out y, OptionalOut sum, Out mean, Out rstd, View x, Optional residual,              \
                         Optional weight, Optional bias, double eps))                                                  \
  K(layer_norm_backward, (Context&, Out dx, OptionalInOut dweight, OptionalInOut dbias, View dy, Optional dsum,        \
                          View s, View mean, View rstd, Optional weight, bool accumulate))                             \
  K(rms_norm_forward,                                                                                                  \
    (Context&, Out y, OptionalOut sum, Out rstd, View x, Optional residual, Optional weight, double eps))              \
  K(rms_norm_backward, (Context&, Out dx, OptionalInOut dweight, View dy, Optional dsum, View s, View rstd,            \
                        Optional weight, bool accumulate))                                                             \
  K(l2_normalize_forward, (Context&, Out y, Out norm, View x, double eps)) /* last axis; x / max(norm, eps) */         \
  K(l2_normalize_backward, (Context&, Out dx, View dy, View y, View norm, double eps))                                 \
                                                                                                                       \
  /* products */                                                                                                       \
  K(linear_forward, (Context&, Out y, View x, Weight w, Optional bias)) /* y [T,N] = x [T,K]·w [N,K]ᵀ + bias [N] */ \
  K(linear_backward_input, (Context&, Out dx, View dy, View w))                                                        \
  K(linear_backward_weight, (Context&, InOut dw, View dy, View x, bool accumulate)) /* dw [N,K] float32 */             \
  K(linear_backward_bias, (Context&, InOut db, View dy, bool accumulate))                                              \
  K(matmul, (Context&, Out y, View a, View b)) /* [..,M,K] · [..,K,N]; strided a and b, batch stride 0 allowed */     \
  /* y [2] float32: operations done by `threads` at once, of bfloat16 pairs or float32 (0: no instruction); a rest */  \
  K(multiply_add_peak, (Context&, Out y, bool pairs, int64_t threads, int64_t steps))                                  \
  K(copy_bandwidth, (Context&, Out y, View x, bool past_caches)) /* float32; past_caches: by streaming stores */       \
  K(read_bandwidth, (Context&, Out y, View x))                   /* y[0] is the sum of x, float32 */                   \
                                                                                                                       \
  /* attention: q [Tq,Hq,D], k v [Tk,Hkv,D], strided in T and H; lse [Hq,Tq]; key j is seen by query i of a sequence   \
     with nq queries and nk keys when p = i + nk - nq satisfies p - left <= j <= p + right (-1: no bound), and j <= p  \
     if causal. qkv [T,(Hq+2Hkv)D]; cos and sin [P,D/2] float32 rotate q and k, position 0 at each sequence's start */ \
  K(attention_forward, (Context&, Out y, Out lse, View q, View k, View v, View query_offsets, View key_offsets,        \
                        double scale, bool causal, int64_t left, int64_t right, Optional sequences,                    \
                        int64_t first_sequence, double rate, int64_t seed, int64_t step, int64_t site))                \
  K(attention_backward,                                                                                                \
    (Context&, Out dq, Out dk, Out dv, View dy, View q, View k, View v, View y, View lse, View query_offsets,          \
     View key_offsets, double scale, bool causal, int64_t left, int64_t right, Optional sequences,                     \
     int64_t first_sequence, double rate, int64_t seed, int64_t step, int64_t site))                                   \
  K(self_attention_forward,                                                                                            \
    (Context&, Out y, Out lse, View qkv, Optional cos, Optional sin, View offsets, int64_t heads, int64_t kv_heads,    \
     double scale, bool causal, int64_t left, int64_t right, Optional sequences, int64_t first_sequence, double rate,  \
     int64_t seed, int64_t step, int64_t site))                                                                        \
  K(self_attention_backward,                                                                                           \
    (Context&, Out dqkv, View dy, View qkv, View y, View lse, Optional cos, Optional sin, View offsets, int64_t heads, \
     int64_t kv_heads, double scale, bool causal, int64_t left, int64_t right, Optional sequences,                     \
     int64_t first_sequence, double rate, int64_t seed, int64_t step, int64_t site))                                   \
  K(rotary, (Context&, Out y, View x, View cos, View sin, View offsets, Optional starts, bool inverse))                \
  /* keys, values [S,Hkv,C,D]: sequence b's lie in slots[b], lengths[b] of them so far; its new tokens are causal */   \
  K(append_to_cache, (Context&, InOut keys, InOut values, View qkv, Optional cos, Optional sin, View offsets,          \
                      View slots, View lengths, int64_t heads, int64_t left))                                          \
  K(cached_attention, (Context&, Out y, InOut keys, InOut values, View qkv, Optional cos, Optional sin, View offsets,  \
                       View slots, View lengths, int64_t heads, double scale, int64_t left))                           \
                                                                                                                       \
  /* losses and heads, fused where memory goes */                                                                      \
  K(cross_entropy_forward, (Context&, Out loss, Out lse, View scores, View targets, double label_smoothing))           \
  K(cross_entropy_backward,                                                                                            \
    (Context&, Out dscores, View dloss, View scores, View lse, View targets, double label_smoothing))                  \
  /* loss [S], lse [S,2]; `gradients` makes the loss and its gradient times `scale` in one go */                       \
  K(linear_cross_entropy_forward, (Context&, Out loss, Out lse, View x, View w, Optional bias, View targets))          \
  K(linear_cross_entropy_backward,                                                                                     \
    (Context&, OptionalOut dx, OptionalInOut dw, OptionalInOut dbias, View dloss, View x, View w, Optional bias,       \
     View lse, View targets, bool accumulate_weight, bool accumulate_bias))                                            \
  K(linear_cross_entropy_gradients, (Context&, Out loss, OptionalOut dx, OptionalOut dw, OptionalOut dbias, View x,    \
                                     View w, Optional bias, View targets, double scale))                               \
  K(scale_in_place, (Context&, InOut y, View scale))     /* y *= scale[]; nothing to do where scale is 1 */            \
  K(add_scaled, (Context&, InOut y, View x, View scale)) /* y += scale[] * x */                                        \
  K(splade_pool_forward, (Context&, Out y, Out rows, View x, View w, Optional bias, View offsets, bool log_twice))     \
  K(splade_pool_backward,                                                                                              \
    (Context&, OptionalOut dx, OptionalInOut dw, OptionalInOut dbias, View dy, View y, View rows, View x, View w,      \
     View offsets, bool log_twice, bool accumulate_weight, bool accumulate_bias))                                      \
  K(max_sim_forward,                                                                                                   \
    (Context&, Out scores, Out rows, View q, View d, View query_offsets, View document_offsets, Optional pairs))       \
  K(max_sim_backward, (Context&, OptionalOut dq, OptionalOut dd, View dscores, View rows, View q, View d,              \
                       View query_offsets, View document_offsets, Optional pairs))                                     \
                                                                                                                       \
  /* optimizer: one pass over all parameters; a norm that is not finite changes nothing */                             \
  K(global_norm, (Context&, Out norm, Views gradients))                                                                \
  K(adamw_step,                                                                                                        \
    (Context&, InOuts parameters, InOuts first, InOuts second, Views gradients, Optional norm, double max_norm,        \
     double learning_rate, double beta1, double beta2, double eps, double weight_decay, int64_t step))                 \
  K(stable_adamw_step,                                                                                                 \
    (Context&, InOuts parameters, InOuts first, InOuts second, Views gradients, Optional norm, double max_norm,        \
     double learning_rate, double beta1, double beta2, double eps, double weight_decay, int64_t step))                 \
                                                                                                                       \
  /* exact search: queries [Q,D] float32 against a corpus of float32, bfloat16, int8 or packed bits */                 \
  K(exact_top_k, (Context&, Out scores, Out ids, View queries, Stored corpus))

struct Kernels {
#define ETTIN_FIELD(name, parameters) void(*name) parameters;
  ETTIN_KERNELS(ETTIN_FIELD)
#undef ETTIN_FIELD

  // A weight's packed form, in which it may live in place of its rows (runtime/weight_form.h).
  // The packing that x · wᵀ reads, where it gives the weight's own bits back; else -1: it is rounded.
  int32_t (*weight_packing)(DType x, DType w);
  int64_t (*packed_weight_bytes)(const PackedWeight& form);
  void (*pack_weight)(Context&, const PackedWeight& to, void* from);
  // Elements [first, first + count) of the weight, row after row.
  void (*unpack_weight)(Context&, void* to, const PackedWeight& from, int64_t first, int64_t count);
};

}  // namespace ettin
