import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openAppendFile } from "../../../packages/core/src/logging/append-file.ts";
import { temporaryFolder } from "../../support/folder.ts";

const root = temporaryFolder();
const newFile = () => join(mkdtempSync(join(root, "file-")), "lines");

describe("openAppendFile", () => {
  test("adds to what is there", () => {
    const path = newFile();
    writeFileSync(path, "one\n");
    const file = openAppendFile(path, () => {});
    file.append(Buffer.from("two\n"));
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
    file.sync();
    file.close();
    file.close();
  });
  test.runIf(existsSync("/dev/full"))("records wait while the disk is full, which is said once", () => {
    const notices: string[] = [];
    const file = openAppendFile("/dev/full", (notice) => notices.push(notice));
    file.append(Buffer.from("one\n"));
    file.append(Buffer.from("two\n"));
    file.sync();
    file.close();
    expect(notices).toEqual([
      expect.stringMatching(/^\/dev\/full cannot be written: ENOSPC.*\. Its records wait in memory\.$/),
      "/dev/full lacks its last 2 records: they could not be written.",
    ]);
  });
});
