import { loadAddon } from "@ettin/native";
import { expect, test } from "vitest";

test("the addon loads once per environment", () => {
  expect(loadAddon()).toBe(loadAddon());
});
