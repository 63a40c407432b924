// node scripts/facts.mjs: writes the small data set of the quickstart, examples/facts, from the tables in scripts/facts.
//   corpus.jsonl      {"id","title","text"}: a passage for each row of a table
//   questions.jsonl   {"query","positive_id","answer","split"}: three questions or so for each passage
// A passage belongs to one split with all of its questions, so that nothing asked in "test" or "dev" was trained on.
// All choices hang on the passage's name alone: the same tables give the same bytes, and a new row changes no other.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TEMPLATES } from "./facts/templates.mjs";

const QUESTIONS = 3;
const SHARES = { test: 0.16, dev: 0.08 }; // the rest is "train"

/** The files' texts, by name. */
export function factFiles() {
  const passages = [];
  const questions = [];
  const taken = new Set();
  for (const [table, template] of Object.entries(TEMPLATES)) {
    for (const row of readTable(table)) {
      const title = template.subject(row);
      const id = `${table}/${slug(title)}`;
      if (taken.has(id)) throw new Error(`[facts] ${id} is there twice. Give one of the rows another name.`);
      taken.add(id);
      const draw = drawing(id);
      passages.push({ id, title, text: pick(template.passages(row), draw) });
      const split = splitOf(draw());
      for (const { ways, answers } of some(template.questions(row), QUESTIONS, draw)) {
        questions.push({ query: pick(ways, draw), positive_id: id, answer: answers, split });
      }
    }
  }
  return { "corpus.jsonl": lines(passages), "questions.jsonl": lines(questions) };
}

/** Rows of a table: columns with "|" between them, their names in the first line. */
function readTable(name) {
  const path = fileURLToPath(new URL(`./facts/${name}.txt`, import.meta.url));
  const [head, ...rows] = readFileSync(path, "utf8").trimEnd().split("\n");
  const columns = head.split("|");
  return rows.map((line, i) => {
    const cells = line.split("|");
    if (cells.length === columns.length) return Object.fromEntries(columns.map((column, c) => [column, cells[c]]));
    throw new Error(
      `[facts] ${path}, line ${i + 2} has ${cells.length} cells, but there are ${columns.length} columns.`,
    );
  });
}

const slug = (title) =>
  title
    .normalize("NFKD")
    .toLowerCase()
    .replace(/^the /, "")
    .replace(/\+/g, "p")
    .replace(/-/g, " ")
    .replace(/[^a-z0-9 ]/g, "")
    .trim()
    .replace(/ +/g, "-");

/** Numbers from 0 up to 1 that depend on a name alone. */
function drawing(name) {
  let count = 0;
  return () => createHash("sha256").update(`${name} ${count++}`).digest().readUInt32LE() / 2 ** 32;
}

const pick = (list, draw) => list[Math.floor(draw() * list.length)];

function splitOf(share) {
  if (share < SHARES.test) return "test";
  return share < SHARES.test + SHARES.dev ? "dev" : "train";
}

/** So many of a list, in its order; the first always, where a table asks its own question. */
function some([first, ...rest], count, draw) {
  const left = rest.map((each) => [draw(), each]);
  left.sort(([x], [y]) => x - y);
  const chosen = new Set(left.slice(0, count - 1).map(([, each]) => each));
  return [first, ...rest.filter((each) => chosen.has(each))];
}

const lines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = fileURLToPath(new URL("../examples/facts", import.meta.url));
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(factFiles())) writeFileSync(join(folder, name), text);
}
