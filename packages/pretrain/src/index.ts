/** The public surface, by name. */
export { EngineError } from "@ettin/core";
export * from "./prepare/index.ts";
