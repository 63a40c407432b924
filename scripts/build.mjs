// npm run build: installs what the lock file names, then builds every package whose inputs changed.
import { main, prepare } from "./prepare.mjs";

await main(prepare);
