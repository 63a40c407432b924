#!/usr/bin/env node
import { createInterface } from "node:readline";
import { main } from "./main.ts";

const stop = new AbortController();
process.once("SIGINT", () => stop.abort()); // a second one ends the process at once
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0); // whoever read the output has seen enough
});

process.exitCode = await main(process.argv.slice(2), {
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  interactive: process.stderr.isTTY === true,
  signal: stop.signal,
  input: {
    typed: process.stdin.isTTY === true,
    lines: () => createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY, signal: stop.signal }),
  },
});
process.removeAllListeners("SIGINT");
