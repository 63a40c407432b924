import { expectFloat } from "../errors.ts";
import { innermostScope, tensorScope } from "./scope.ts";
import { releaseAtOnce } from "./storage.ts";
import { backward, enableGrad, noGrad, record, tapePosition } from "./tape.ts";
import { Tensor } from "./tensor.ts";

/**
 * Gradient checkpointing: runs `run` without keeping what its ops saved, and runs it again in the backward pass. Costs
 * one more forward pass, and frees all activations inside. The recomputation gives the same bits; dropout inside draws
 * the same mask, because its generator counts by position, not by call.
 *
 * @param run a function of the inputs and of parameters, without side effects
 * @param inputs float tensors; other tensors that `run` uses are leaves (parameters) or have no tape
 * @returns what `run` returns
 * @see https://arxiv.org/abs/1604.06174
 */
export function checkpoint(run: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]): Tensor {
  const y = tensorScope(() => {
    const result = noGrad(() => run(...inputs));
    expectFloat("checkpoint", "the function's result", result);
    return result.detach(); // `run` may give back what it got, which has a place on the tape of its own
  });
  // Leaves that `run` closes over are not inputs: a tape is needed even where no input asks for a gradient.
  const anchor = Tensor.empty([0], y);
  anchor.requiresGrad = true;
  record("checkpoint", y, { inputs: [...inputs, anchor], saved: inputs }, (dy, saved, { needs }) => {
    const again = saved.map((input, i) => {
      const leaf = input!.detach();
      if (needs(i)) leaf.requiresGrad = true;
      return leaf;
    });
    releaseAtOnce(() => {
      const since = tapePosition();
      const result = enableGrad(() => run(...again));
      if (result.node) backward(result, dy, false, since);
      else if (result.requiresGrad) result.addGrad(dy, true);
    });
    const gradients = again.map((leaf) => {
      const { grad } = leaf;
      leaf.grad = null;
      grad?.adopt(innermostScope());
      return grad;
    });
    return [...gradients, null];
  });
  anchor.dispose(); // the tape asks it for nothing
  return y;
}
