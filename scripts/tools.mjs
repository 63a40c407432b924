// What the machine must have, and how to get what is missing. Everything else comes from the lock file.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const OLDEST_NODE = [20, 19];

/** Each tool the build needs, and the package that brings it, by package manager. */
const TOOLS = [
  { name: "python3", tries: ["python3", "python"], apt: "python3", dnf: "python3", apk: "python3" },
  { name: "make", tries: ["make", "gmake"], apt: "make", dnf: "make", apk: "make" },
  {
    name: "g++",
    tries: [process.env.CXX, "g++", "clang++", "c++"],
    apt: "g++",
    dnf: "gcc-c++",
    apk: "g++ linux-headers",
  },
];

/** Throws one error that names every missing tool and the command that installs them all. */
export function checkTools() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    throw new Error(
      `[tools] Node ${process.versions.node} is too old: ${OLDEST_NODE.join(".")} or later is needed. ` +
        "Install the current long-term release from https://nodejs.org, or run: nvm install --lts",
    );
  }
  // On Windows node-gyp finds Visual Studio by itself and says what it lacks.
  if (process.platform === "win32") return;

  const missing = TOOLS.filter(({ tries }) => !tries.some(runs));
  if (missing.length > 0) {
    throw new Error(
      `[tools] not found: ${missing.map(({ name }) => name).join(", ")}. Run: ${installCommand(missing)}`,
    );
  }
}

/** One line that changes when the compiler does, so that a cached build is not used with another one. */
export function toolchain() {
  const compiler = process.env.CXX ?? "g++";
  const version = spawnSync(compiler, ["--version"], { encoding: "utf8" }).stdout ?? "";
  return [process.platform, process.arch, version.split("\n")[0]].join(" ").trim();
}

function runs(command) {
  return Boolean(command) && spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

function installCommand(missing) {
  if (process.platform === "darwin") return "xcode-select --install";
  const sudo = process.getuid?.() === 0 ? "" : "sudo ";
  const packages = (manager) => missing.map((tool) => tool[manager]).join(" ");
  if (existsSync("/usr/bin/dnf")) return `${sudo}dnf install -y ${packages("dnf")}`;
  if (existsSync("/sbin/apk")) return `${sudo}apk add ${packages("apk")}`;
  return `${sudo}apt-get update && ${sudo}apt-get install -y ${packages("apt")}`;
}
