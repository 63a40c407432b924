import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { crc32c, maskedCrc32c } from "../../../packages/core/src/logging/crc32c.ts";
import { encodeEvent, type TensorBoardEvent } from "../../../packages/core/src/logging/tensorboard-event.ts";
import { tfRecord } from "../../../packages/core/src/logging/tf-record.ts";
import { ROOT } from "../../support/root.ts";

interface Case {
  readonly event: TensorBoardEvent;
  readonly message: string;
  readonly record: string;
}

const cases = JSON.parse(readFileSync(join(ROOT, "test/fixtures/tensorboard.json"), "utf8")) as Case[];
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("crc32c", () => {
  test("gives the checksums of RFC 3720, appendix B.4", () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  });
  test("is masked by a rotation and a constant", () => {
    // of no bytes the checksum is 0: what is left is the constant
    expect(maskedCrc32c(new Uint8Array(0))).toBe(0xa282ead8);
  });
});

describe("events", () => {
  test.each(cases.map(({ event, ...bytes }) => [Object.keys(event).at(-1), event.step, event, bytes] as const))(
    "%s at step %d has the bytes that TensorBoard's own writer makes",
    (_kind, _step, event, { message, record }) => {
      expect(hex(encodeEvent(event))).toBe(message);
      expect(hex(tfRecord(encodeEvent(event)))).toBe(record);
    },
  );
});
