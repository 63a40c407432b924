import { join } from "node:path";
import { noGrad, type Tensor } from "@ettin/core";
import { GISTEmbedLoss } from "@ettin/dense";
import { expect, test } from "vitest";
import { DENSE, openModel } from "../../support/dense-fixture.ts";
import { someColumns, TinyEncoder } from "./tiny-encoder.ts";

test("a guide's default prompt does not go before the batch's texts, which have theirs", async () => {
  const model = new TinyEncoder();
  const prompts = { long: "quite another text: " };
  const lossUnder = async (defaultPromptName: string | null) => {
    const guide = await openModel(join(DENSE, "static"), { prompts, defaultPromptName });
    const loss = new GISTEmbedLoss(model, guide, { temperature: 0.5 });
    return (noGrad(() => loss.forward(someColumns(2, 5))) as Tensor).item();
  };
  expect(await lossUnder("long")).toBe(await lossUnder(null));
  model.dispose();
});
