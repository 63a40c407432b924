import { expectSameShape, expectShape } from "../errors.ts";
import { greater } from "../ops/greater.ts";
import { logSoftmax } from "../ops/log-softmax.ts";
import { mul } from "../ops/mul.ts";
import { softmax } from "../ops/softmax.ts";
import { sub } from "../ops/sub.ts";
import { sum } from "../ops/sum.ts";
import { where } from "../ops/where.ts";
import { Tensor } from "../tensor/tensor.ts";

export interface DistillKlOptions {
  /** @default 1 */
  studentTemperature?: number;
  /** @default 1 */
  teacherTemperature?: number;
}

/**
 * The Kullback-Leibler divergence of a student's distribution over candidates from the teacher's:
 *
 *     loss = T² · mean_i Σ_k p[i,k] ( log p[i,k] − log q[i,k] )
 *     p = softmax(teacher / teacher temperature), q = softmax(student / T), T the student's temperature
 *
 * @param student `[n, candidates]` scores
 * @param teacher `[n, candidates]` scores, without a gradient; −∞ leaves a candidate out
 * @returns a scalar
 */
export function distillKl(student: Tensor, teacher: Tensor, options: DistillKlOptions = {}): Tensor {
  const { studentTemperature = 1, teacherTemperature = 1 } = options;
  const divergence = softmaxDivergence(student.div(studentTemperature), teacher.detach().div(teacherTemperature));
  return divergence.mul(studentTemperature ** 2);
}

/**
 * `mean_i Σ_k p[i,k] (log p[i,k] − log q[i,k])` of `p = softmax(target)` and `q = softmax(scores)`, rows of `[n, k]`.
 * The target has no gradient.
 */
export function softmaxDivergence(scores: Tensor, target: Tensor): Tensor {
  const [n] = expectShape("softmaxDivergence", "scores", scores, ["n", "candidates"]);
  expectSameShape("softmaxDivergence", "scores", scores, "target", target);
  const fixed = target.detach();
  const p = softmax(fixed, 1);
  const zero = Tensor.full([], 0, p);
  const logP = where(greater(p, 0), logSoftmax(fixed, 1), zero); // p log p is 0 where p is
  return sum(mul(p, sub(logP, logSoftmax(scores, 1)))).div(n);
}
