import { EngineError } from "../errors.ts";

/** The error about the name of a configuration where a kind of model has none with names. */
export const refuseName = (name: string): EngineError =>
  new EngineError("fromConfig", `there is no configuration "${name}"`, "Pass an object with the fields to set.");
