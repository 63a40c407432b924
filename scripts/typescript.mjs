// node --import ./scripts/typescript.mjs file.ts: lets every supported Node run a TypeScript file of this repository.
// From 22.18 on Node strips types by itself; before that the hook beside this file does it.
import { register } from "node:module";

if (!process.features.typescript) register("./typescript-hook.mjs", import.meta.url);
