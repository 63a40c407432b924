import { COMMON } from "./arguments.ts";
import type { Command } from "./command.ts";

/** What `ettin --help` shows. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  return `ettin: train and run Ettin models in Node

Usage: ettin <command> [options]

${commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`).join("\n")}

  ettin <command> --help tells a command's options, ettin --version the version.
  A model is a folder, or "owner/name" on the Hugging Face hub; HF_TOKEN, HF_HOME and HF_HUB_OFFLINE count as in Python.
`;
}

/** What `ettin <command> --help` shows. */
export function usage(command: Command): string {
  const entries = Object.entries({ ...command.options, ...COMMON }).map(
    ([name, { type, value, help }]) =>
      [type === "boolean" ? `--${name}` : `--${name} <${value ?? "value"}>`, help] as const,
  );
  const width = Math.max(...entries.map(([left]) => left.length)) + 2;
  const needed = command.operands.map((operand) => ` <${operand}>`).join("");
  const operands = `${needed}${command.optional ? ` [${command.optional}]` : ""}${command.several ? " …" : ""}`;
  const notes = command.notes ? `\n${command.notes.trim()}\n` : "";
  return `ettin ${command.name}: ${command.summary}

Usage: ettin ${command.name}${operands} [options]

${entries.map(([left, help]) => `  ${left.padEnd(width)}${help}`).join("\n")}
${notes}`;
}
