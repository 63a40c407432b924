/** What the usage of a card shows. */
export interface UsageExample {
  /** The name that loads it. */
  readonly name: string;
  readonly texts: readonly string[];
  readonly dimension: number;
  /** Similarities of the texts, row by row. */
  readonly similarities: readonly (readonly number[])[];
  /** Whether queries and documents have prompts of their own. */
  readonly asymmetric: boolean;
}

/** Lines that load a model and compare texts with it, in both languages, with the numbers that they print. */
export function usage(example: UsageExample): { typescript: string; python: string } {
  const { name, texts, dimension, similarities, asymmetric } = example;
  const id = JSON.stringify(name); // a string in both languages
  const list = texts.map((text) => `  ${JSON.stringify(text)},`);
  const rows = similarities.map((row) => `[${row.map((value) => value.toFixed(4)).join(", ")}]`);
  const python = (lines: readonly string[]) => lines.map((line) => `  ${line}`);
  const [first, ...others] = list as [string, ...string[]];
  const load = {
    typescript: [
      'import { SentenceTransformer } from "@ettin/dense";',
      "",
      `const model = await SentenceTransformer.fromPretrained(${id});`,
    ],
    python: ["from sentence_transformers import SentenceTransformer", "", `model = SentenceTransformer(${id})`],
  };
  if (!asymmetric) {
    return {
      typescript: [
        ...load.typescript,
        "const embeddings = await model.encode([",
        ...list,
        "]);",
        `console.log(embeddings.length, embeddings[0].length); // ${texts.length} ${dimension}`,
        "const { data } = await model.similarity(embeddings, embeddings);",
        ...rows.map((row) => `// ${row}`),
      ].join("\n"),
      python: [
        ...load.python,
        "embeddings = model.encode([",
        ...python(list),
        "])",
        `print(embeddings.shape)  # (${texts.length}, ${dimension})`,
        "print(model.similarity(embeddings, embeddings))",
        ...rows.map((row) => `# ${row}`),
      ].join("\n"),
    };
  }
  const scores = `[${similarities[0]!.map((value) => value.toFixed(4)).join(", ")}]`;
  return {
    typescript: [
      ...load.typescript,
      `const query = await model.encodeQuery(${first.trim().slice(0, -1)});`,
      "const documents = await model.encodeDocument([",
      ...others,
      "]);",
      "const { data } = await model.similarity(query, documents);",
      `// ${scores}`,
    ].join("\n"),
    python: [
      ...load.python,
      `query = model.encode_query(${first.trim().slice(0, -1)})`,
      "documents = model.encode_document([",
      ...python(others),
      "])",
      "print(model.similarity(query, documents))",
      `# ${scores}`,
    ].join("\n"),
  };
}
