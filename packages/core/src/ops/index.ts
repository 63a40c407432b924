export { type AttentionDropout, type AttentionMask, type AttentionOptions, attention } from "./attention.ts";
export { type RotaryTable, rotary, rotaryTable } from "./rotary.ts";
export { type SelfAttentionOptions, selfAttention } from "./self-attention.ts";
