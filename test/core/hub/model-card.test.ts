import { modelCard } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { toYaml, type YamlValue } from "../../../packages/core/src/hub/yaml.ts";

test("a card says what the hub reads, then how the model is used and how good it is", () => {
  const card = modelCard({
    name: "someone/film-encoder",
    description: "Trained on films.",
    license: "apache-2.0",
    language: ["en", "no"],
    pipelineTag: "fill-mask",
    tags: ["film", "ettin-for-node"],
    baseModel: "jhu-clsp/ettin-encoder-17m",
    datasets: ["someone/films"],
    results: [
      {
        task: "fill-mask",
        dataset: { name: "Films | test", type: "someone/films", split: "test" },
        metrics: [
          { type: "accuracy", value: 0.123456 },
          { type: "perplexity", name: "Perplexity", value: 12 },
        ],
      },
    ],
    sections: [{ title: "Limits", text: "Films only." }],
  });
  expect(card).toBe(`---
language:
- en
- "no"
license: apache-2.0
library_name: transformers
pipeline_tag: fill-mask
tags:
- ettin-for-node
- film
base_model:
- jhu-clsp/ettin-encoder-17m
datasets:
- someone/films
metrics:
- accuracy
- perplexity
model-index:
- name: someone/film-encoder
  results:
  - task:
      type: fill-mask
    dataset:
      name: "Films | test"
      type: someone/films
      split: test
    metrics:
    - type: accuracy
      value: 0.123456
      name: accuracy
    - type: perplexity
      value: 12
      name: Perplexity
---

# someone/film-encoder

Trained on films.

## Usage

In Node:

\`\`\`ts
import { AutoModelForMaskedLM, fillMask, Tokenizer } from "@ettin/core";

const tokenizer = await Tokenizer.fromPretrained("someone/film-encoder");
const model = await AutoModelForMaskedLM.fromPretrained("someone/film-encoder");
console.log(await fillMask(model, tokenizer, "The capital of France is [MASK]."));
\`\`\`

In Python:

\`\`\`python
from transformers import pipeline

pipeline("fill-mask", model="someone/film-encoder")("The capital of France is [MASK].")
\`\`\`

## Evaluation

| data | metric | value |
| --- | --- | --- |
| Films \\| test | accuracy | 0.1235 |
| Films \\| test | Perplexity | 12 |

## Limits

Films only.
`);
});

test("names from outside stay where they are put", () => {
  const name = 'x"\n---\nlicense: mit\n# ```\n';
  const card = modelCard({ name, usage: { typescript: "const fence = 1; // ```" } });
  expect(card.match(/^---$/gm)).toHaveLength(2);
  expect(card).not.toMatch(/^license/m);
  expect(card.match(/^# .*/gm)).toEqual(['# x" --- license: mit # ```']);
  expect(card).toContain("````ts\nconst fence");
});

describe("YAML", () => {
  test.each<[YamlValue, string]>([
    ["plain", "plain"],
    ["two words", "two words"],
    ["a/b-c.d_e", "a/b-c.d_e"],
    ["no", '"no"'],
    ["Yes", '"Yes"'],
    ["y", '"y"'],
    ["NULL", '"NULL"'],
    ["", '""'],
    ["1.0", '"1.0"'],
    ["2026-11-21", '"2026-11-21"'],
    ["a: b", '"a: b"'],
    ["a #b", '"a #b"'],
    ["- a", '"- a"'],
    ["*a", '"*a"'],
    ["a ", '"a "'],
    ['say "a"\n', '"say \\"a\\"\\n"'],
    ["line\u2028end\u0085", '"line\\u2028end\\u0085"'],
    ["é", '"é"'],
    [1, "1"],
    [-0.5, "-0.5"],
    [1e-7, "1.0e-7"],
    [1.5e300, "1.5e+300"],
    [Number.NaN, ".nan"],
    [Number.NEGATIVE_INFINITY, "-.inf"],
    [true, "true"],
    [null, "null"],
  ])("%j is %s", (value, text) => {
    expect(toYaml({ key: value })).toBe(`key: ${text}\n`);
  });

  test("lists, mappings and empty ones nest", () => {
    expect(toYaml({ a: [[1, 2], { b: [], c: {} }], d: { e: [{ f: 1 }] }, gone: undefined })).toBe(
      "a:\n- - 1\n  - 2\n- b: []\n  c: {}\nd:\n  e:\n  - f: 1\n",
    );
  });
});
