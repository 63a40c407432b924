/**
 * For every test of the suite: a tensor that a test made and nobody can reach any more must be gone after it. What is
 * alive then is held by the engine: a tape that was not given back, a handle that a scope forgot. Tensors that a test
 * neither disposes nor makes in a scope are collected first, as they are in a program.
 */
import { afterEach, beforeEach, expect } from "vitest";
import { liveStorages } from "../../packages/core/src/tensor/storage.ts";
import { collect } from "./collect.ts";

let before = 0;

beforeEach(() => {
  before = liveStorages();
});

afterEach(async () => {
  if (liveStorages() > before) await collect();
  const left = liveStorages() - before;
  if (left > 0) expect.fail(`${left} storage${left === 1 ? "" : "s"} made in this test are alive after it`);
});
