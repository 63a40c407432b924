import { bytesField, doubleField, floatField, integerField } from "./protobuf.ts";

/** What an event of a TensorBoard file says. */
export type TensorBoardEvent = { readonly wallTime: number; readonly step: number } & (
  | { readonly fileVersion: string }
  | { readonly scalars: Readonly<Record<string, number>> }
  | { readonly texts: Readonly<Record<string, string>> }
  | { readonly sessionStart: true }
);

/** Field numbers of the messages, by message. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 };
const SUMMARY = { value: 1 };
const VALUE = { tag: 1, simpleValue: 2, tensor: 8, metadata: 9 };
const METADATA = { pluginData: 1 };
const PLUGIN = { name: 1 };
const TENSOR = { dtype: 1, shape: 2, strings: 8 };
const SHAPE = { dimension: 2 };
const DIMENSION = { size: 1 };
const SESSION = { status: 1 };
const [STRING_DTYPE, SESSION_STARTS] = [7, 1];

/**
 * The bytes of an event, as protocol buffers write `Event` of TensorFlow's `event.proto`: fields that are zero are left
 * out, except in a choice of several.
 */
export function encodeEvent(event: TensorBoardEvent): Uint8Array {
  return Buffer.concat([
    ...(event.wallTime === 0 ? [] : [doubleField(EVENT.wallTime, event.wallTime)]),
    ...(event.step === 0 ? [] : [integerField(EVENT.step, event.step)]),
    content(event),
  ]);
}

function content(event: TensorBoardEvent): Uint8Array {
  if ("fileVersion" in event) return bytesField(EVENT.fileVersion, event.fileVersion);
  if ("sessionStart" in event) return bytesField(EVENT.sessionLog, [integerField(SESSION.status, SESSION_STARTS)]);
  const values =
    "scalars" in event
      ? Object.entries(event.scalars).map(([tag, value]) => [
          bytesField(VALUE.tag, tag),
          floatField(VALUE.simpleValue, value),
        ])
      : Object.entries(event.texts).map(([tag, text]) => textValue(tag, text));
  return bytesField(
    EVENT.summary,
    values.map((value) => bytesField(SUMMARY.value, value)),
  );
}

/** A text is a tensor of one string. */
function textValue(tag: string, text: string): Uint8Array[] {
  const shape = [bytesField(SHAPE.dimension, [integerField(DIMENSION.size, 1)])];
  return [
    bytesField(VALUE.tag, tag),
    bytesField(VALUE.tensor, [
      integerField(TENSOR.dtype, STRING_DTYPE),
      bytesField(TENSOR.shape, shape),
      bytesField(TENSOR.strings, text),
    ]),
    bytesField(VALUE.metadata, [bytesField(METADATA.pluginData, [bytesField(PLUGIN.name, "text")])]),
  ];
}
