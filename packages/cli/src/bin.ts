#!/usr/bin/env node
import { constants } from "node:os";
import { createInterface } from "node:readline";
import { main } from "./main.ts";

const STOPPED = 130; // what main says of any stop
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const stop = new AbortController();
let stopCode = STOPPED;
const onSignal = (signal: NodeJS.Signals) => {
  for (const each of SIGNALS) process.removeListener(each, onSignal); // a second one ends the process at once
  stopCode = 128 + constants.signals[signal];
  setImmediate(() => stop.abort()); // behind a trainer's own listener, which notes the signal's name
};
for (const signal of SIGNALS) process.on(signal, onSignal);

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0); // whoever read the output has seen enough
  process.stderr.write(`ettin: the output cannot be written: ${error.message}\n`);
  process.exit(1);
});
process.stderr.on("error", () => {}); // nobody reads the messages: that is no reason to end the work

// Warnings of the library in the words of all messages; Node's own, of things that go out of use, are nothing for users.
process.removeAllListeners("warning");
process.on("warning", (warning) => {
  if (!/^(Deprecation|Experimental)Warning$/.test(warning.name)) process.stderr.write(`ettin: ${warning.message}\n`);
});

const code = await main(process.argv.slice(2), {
  write: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  interactive: process.stderr.isTTY === true,
  signal: stop.signal,
  input: {
    typed: process.stdin.isTTY === true,
    // Opened with the first line that is asked for: an open interface gives its lines to nobody meanwhile.
    async *lines() {
      yield* createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY, signal: stop.signal });
    },
  },
});
process.exitCode = code === STOPPED ? stopCode : code;
for (const signal of SIGNALS) process.removeListener(signal, onSignal);
