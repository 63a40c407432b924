/** The command line as a function, for tests and for programs that embed it. */
export type { Terminal } from "./command.ts";
export { main } from "./main.ts";
