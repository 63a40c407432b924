import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import { checkpointFolder } from "./support/checkpoint-folder.ts";

export const name = "A service that encodes: 50 clients at once, batched as they come, beside one request at a time";

const CLIENTS = 50;
const WORDS = "what where who which how many people live in the city near river of old bridge first built year".split(
  " ",
);
/** Questions of 5 to 14 words. */
const question = (i: number) =>
  Array.from({ length: 5 + ((i * 7) % 10) }, (_, w) => WORDS[(i * 13 + w * w * 5 + w) % WORDS.length]).join(" ");

export async function run({ quick, tokenizer }: { quick: boolean; tokenizer?: string }): Promise<void> {
  if (!tokenizer) {
    console.log("  needs --tokenizer: a folder with the tokenizer.json of the Ettin models");
    return;
  }
  const seconds = quick ? 2 : 10;
  for (const size of ["17m", "150m"]) {
    const folder = await checkpointFolder(size, tokenizer);
    console.log(`  ${size}, random weights, questions of 5 to 14 words, ${seconds} s each`);
    const alone = await measure(folder, ["--max-texts", "1", "--max-wait", "0"], seconds);
    print("one request at a time", alone);
    const batched = await measure(folder, [], seconds);
    print("batched as they come", batched);
    console.log(`  ${(batched.rate / alone.rate).toFixed(2)} times the requests\n`);
  }
}

interface Measured {
  readonly rate: number;
  readonly latency: readonly number[];
  readonly p99Delay: number;
  readonly accepted: number;
  readonly answered: number;
}

/** Starts the service, keeps `CLIENTS` requests under way, and stops it with SIGTERM. */
async function measure(folder: string, options: readonly string[], seconds: number): Promise<Measured> {
  const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const args = ["--import", file("../scripts/typescript.mjs"), file("../examples/serve/server.ts"), "--port", "0"];
  const child = spawn(process.execPath, [...args, "--model", folder, ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (piece) => {
    output += piece;
  });
  const ended = once(child, "close");
  while (!/:(\d+)/.test(output)) {
    if (child.exitCode !== null) throw new Error(`[bench] the service ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const port = Number(/:(\d+)/.exec(output)![1]);
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  await Promise.all(Array.from({ length: CLIENTS }, (_, i) => ask(port, agent, "/encode", question(i)))); // warm
  await ask(port, agent, "/health");
  const latency: number[] = [];
  const begin = performance.now();
  const end = begin + 1000 * seconds;
  const client = async (first: number) => {
    for (let i = first; performance.now() < end; i += CLIENTS) {
      const start = performance.now();
      await ask(port, agent, "/encode", question(i));
      latency.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(i)));
  const rate = (1000 * latency.length) / (performance.now() - begin);
  const health = JSON.parse(await ask(port, agent, "/health")) as { eventLoopDelay: { p99: number } };
  child.kill("SIGTERM");
  await ended;
  agent.destroy();
  const [, accepted, answered] = /closed: (\d+) requests accepted, (\d+) answered/.exec(output) ?? [];
  latency.sort((a, b) => a - b);
  return {
    rate,
    latency,
    p99Delay: health.eventLoopDelay.p99,
    accepted: Number(accepted),
    answered: Number(answered),
  };
}

function ask(port: number, agent: Agent, path: string, text?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const method = text === undefined ? "GET" : "POST";
    const sent = request({ host: "127.0.0.1", port, path, method, agent }, async (response) => {
      let body = "";
      for await (const piece of response.setEncoding("utf8")) body += piece;
      if (response.statusCode === 200) resolve(body);
      else reject(new Error(`[bench] ${path} was answered with ${response.statusCode}: ${body}`));
    });
    sent.on("error", reject);
    sent.end(text === undefined ? "" : JSON.stringify({ texts: [text], as: "query" }));
  });
}

function print(what: string, { rate, latency, p99Delay, accepted, answered }: Measured): void {
  const at = (share: number) => `${latency[Math.floor(share * (latency.length - 1))]!.toFixed(0)} ms`;
  console.log(
    `    ${what.padEnd(24)}${rate.toFixed(0).padStart(5)} requests/s   50 % ${at(0.5)}, 99 % ${at(0.99)}   ` +
      `event loop late by ${p99Delay.toFixed(1)} ms (99 %)   ${accepted - answered} lost`,
  );
}
