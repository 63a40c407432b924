export type { EvaluateOptions, EvaluationFacts, SentenceEvaluator } from "./evaluator.ts";
