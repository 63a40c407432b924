// node --import ./test/support/from-sources.mjs file.ts: runs a TypeScript file with the packages' sources in place of what
// was built, as the tests themselves do.
import { register } from "node:module";
import "../../scripts/typescript.mjs";

register("./from-sources-hook.mjs", import.meta.url);
