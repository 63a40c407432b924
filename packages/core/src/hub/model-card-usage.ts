/** Lines that load a model and use it once, in both languages; of an unknown task, that load it. */
export function usageOf(pipelineTag: string | undefined, name: string): { typescript: string; python: string } {
  const id = JSON.stringify(name); // a string in TypeScript and in Python
  const transformers = (...lines: string[]) => ["from transformers import pipeline", "", ...lines].join("\n");
  const core = (names: string, ...lines: string[]) =>
    [
      `import { ${names} } from "@ettin/core";`,
      "",
      `const tokenizer = await Tokenizer.fromPretrained(${id});`,
      ...lines,
    ].join("\n");
  switch (pipelineTag) {
    case "fill-mask":
      return {
        typescript: core(
          "AutoModelForMaskedLM, fillMask, Tokenizer",
          `const model = await AutoModelForMaskedLM.fromPretrained(${id});`,
          'console.log(await fillMask(model, tokenizer, "The capital of France is [MASK]."));',
        ),
        python: transformers(`pipeline("fill-mask", model=${id})("The capital of France is [MASK].")`),
      };
    case "text-generation":
      return {
        typescript: core(
          "AutoModelForCausalLM, streamText, Tokenizer",
          `const model = await AutoModelForCausalLM.fromPretrained(${id});`,
          'const prompt = "The capital of France is";',
          "const options = { addSpecialTokens: false }; // no eos behind the prompt",
          "for await (const piece of streamText(model, tokenizer, prompt, options)) process.stdout.write(piece);",
        ),
        python: transformers(
          `pipeline("text-generation", model=${id})("The capital of France is", add_special_tokens=False)`,
        ),
      };
    case "text-classification":
      return {
        typescript: core(
          "AutoModelForSequenceClassification, Tokenizer",
          `const model = await AutoModelForSequenceClassification.fromPretrained(${id});`,
          'const logits = model.forward(await tokenizer.encodeBatch(["What a film!"]));',
        ),
        python: transformers(`pipeline("text-classification", model=${id})("What a film!")`),
      };
    default:
      return {
        typescript: core(
          "AutoModel, Tokenizer",
          `const model = await AutoModel.fromPretrained(${id});`,
          'const hidden = model.forward(await tokenizer.encodeBatch(["What a film!"]));',
        ),
        python: [
          "from transformers import AutoModel, AutoTokenizer",
          "",
          `tokenizer = AutoTokenizer.from_pretrained(${id})`,
          `model = AutoModel.from_pretrained(${id})`,
          'hidden = model(**tokenizer(["What a film!"], return_tensors="pt")).last_hidden_state',
        ].join("\n"),
      };
  }
}
