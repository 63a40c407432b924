import type { AutoClass, HubOptions, PreTrainedModel } from "@ettin/core";
import { Tokenizer } from "@ettin/core";
import { choiceOption, textOption } from "./arguments.ts";
import type { OptionSpec, OptionSpecs, OptionValues, Terminal } from "./command.ts";
import { bytesText } from "./units.ts";

/** Of commands that compute: `main` makes it the default device. */
export const DEVICE_OPTION: OptionSpec = {
  type: "string",
  value: "name",
  help: "cpu, cuda, or cuda:1 for the second GPU (default: cpu)",
};

/** Options of commands that load a model. */
export const LOAD_OPTIONS: OptionSpecs = {
  device: DEVICE_OPTION,
  revision: { type: "string", value: "name", help: "branch, tag or commit on the hub (default: main)" },
  dtype: { type: "string", value: "type", help: "float32 or bfloat16 (default: the model's own)" },
};

/** A model and its tokenizer, of a folder or of the hub. What is remarkable about the files goes to the error output. */
export async function load<M extends PreTrainedModel>(
  Auto: AutoClass<M>,
  model: string,
  options: OptionValues,
  terminal: Terminal,
): Promise<{ model: M; tokenizer: Tokenizer }> {
  const revision = textOption(options, "revision");
  const dtype = choiceOption(options, "dtype", ["float32", "bfloat16"]);
  const hub: HubOptions = {
    signal: terminal.signal,
    onProgress: progressLine(terminal),
    ...(revision === undefined ? {} : { revision }),
  };
  const tokenizer = await Tokenizer.fromPretrained(model, hub);
  const loaded = await Auto.fromPretrained(model, {
    ...hub,
    ...(dtype ? { dtype } : {}),
    onNotice: (notice) => terminal.writeError(`ettin: ${notice}\n`),
  });
  return { model: loaded, tokenizer };
}

/** Shows downloads on a line of the error output that is written over, a few times a second. */
export function progressLine(terminal: Terminal): NonNullable<HubOptions["onProgress"]> {
  let shown = 0;
  return ({ file, received, size }) => {
    const now = Date.now();
    const done = received === size;
    if (!terminal.interactive || (!done && now - shown < 200)) return;
    shown = now;
    const share = size ? ` ${Math.floor((100 * received) / size)} %` : "";
    terminal.writeError(`\r\u001b[K${done ? "" : `${file} ${bytesText(received)}${share}`}`);
  };
}
