// npm run check:packages: holds every package to the layout of CONTRIBUTING.md. The test suite runs it too.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, extname, join, posix } from "node:path";
import { pathToFileURL } from "node:url";
import { workspacePackages } from "./packages.mjs";
import { main, ROOT } from "./prepare.mjs";

const LONGEST_FILE = 400;
const CODE = new Set([".ts", ".js", ".mjs", ".cpp", ".h", ".cu", ".cuh", ".py"]);
const CODE_FOLDERS = ["packages", "native", "scripts", "test", "bench", "examples"];
const NOT_OURS = new Set(["node_modules", "dist", "build", "release", "fixtures", ".turbo", "venv", ".venv"]);
const DRAWERS = /^(utils?|commons?|helpers?|misc)(\.|$)/;
const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall", "prepare"];

/** Everything that breaks a rule, one sentence each: where, what, the way out. */
export function checkPackages(root) {
  const packages = workspacePackages(root);
  const files = CODE_FOLDERS.flatMap((folder) => listFiles(root, folder));
  return [
    ...packages.flatMap((each) => checkManifest(each, packages)),
    ...packages.flatMap((each) => checkSources(root, each, files)),
    ...checkNames(files),
    ...checkLengths(root, files),
    ...checkNative(root, files),
    ...checkLock(root),
    ...checkChangesets(root, packages),
  ];
}

function checkManifest({ folder, manifest }, packages) {
  const problems = [];
  const expect = (holds, problem) => holds || problems.push(`[${folder}/package.json] ${problem}`);
  const { version } = packages[0].manifest;

  expect(manifest.version === version, `version is ${manifest.version}, others have ${version}. Run: npm run version`);
  expect(manifest.license === "Apache-2.0", `license is ${manifest.license}. Make it Apache-2.0.`);
  expect(
    manifest.private === true,
    `private is ${manifest.private}. Make it true: only scripts/pack.mjs makes what is published.`,
  );
  expect(manifest.type === "module", `type is ${manifest.type}. Make it "module".`);
  expect(manifest.sideEffects === false, `sideEffects is ${manifest.sideEffects}. Make it false.`);
  expect(manifest.engines?.node === ">=20.19", `engines.node is ${manifest.engines?.node}. Make it ">=20.19".`);
  expect(Boolean(manifest.description), "there is no description. Say in a line what the package is.");
  expect(manifest.files?.length > 0, `there is no "files". List what is published.`);
  expect(!manifest.main && !manifest.types, `"main" and "types" are outside "exports". Move them into it.`);
  for (const [subpath, target] of Object.entries(manifest.exports ?? { ".": {} })) {
    if (subpath === "./package.json") continue;
    const conditions = Object.keys(target);
    expect(
      conditions[0] === "types" && conditions.at(-1) === "default",
      `exports["${subpath}"] must have "types" first and "default" last.`,
    );
  }
  for (const script of INSTALL_SCRIPTS) {
    expect(
      !manifest.scripts?.[script],
      `script "${script}" would have to run on the user's machine. npm blocks it: remove it.`,
    );
  }
  for (const [name, range] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    expect(/^\d/.test(range), `${name} is "${range}". Pin the exact version.`);
    const ours = packages.find((other) => other.manifest.name === name);
    expect(
      !ours || ours.manifest.version === range,
      `${name} is "${range}", but its version is ${ours?.manifest.version}.`,
    );
    expect(
      !ours || mayDependOn(folder, ours.folder),
      `depends on ${name}. Arrows go cli → plugin → core → native only.`,
    );
  }
  return problems;
}

/** The arrows between layers. */
function mayDependOn(from, to) {
  if (from === "native") return false;
  if (from === "packages/core") return to === "native";
  if (from === "packages/cli") return to !== "native" && to !== "packages/cli";
  return to === "packages/core";
}

function checkSources(root, { folder, manifest }, files) {
  const problems = [];
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies };

  for (const path of files.filter((file) => file.startsWith(`${folder}/src/`) && file.endsWith(".ts"))) {
    const text = readFileSync(join(root, path), "utf8");
    if (/^export default\b|^export \{[^}]*\bas default\b/m.test(text)) {
      problems.push(`[${path}] has a default export. Give it a name, so that one search finds it everywhere.`);
    }
    for (const specifier of imports(text)) {
      if (specifier.startsWith("node:")) continue;
      if (specifier.startsWith(".")) {
        const target = posix.join(dirname(path), specifier);
        if (!target.startsWith(`${folder}/src/`))
          problems.push(`[${path}] imports ${specifier}, outside its package. Import the package by name.`);
        continue;
      }
      const name = specifier
        .split("/")
        .slice(0, specifier.startsWith("@") ? 2 : 1)
        .join("/");
      if (!declared[name])
        problems.push(
          `[${path}] imports ${name}, which is not in dependencies of ${folder}/package.json. Add it there.`,
        );
      if (name === "@ettin/native" && path !== "packages/core/src/backend/native.ts") {
        problems.push(
          `[${path}] imports @ettin/native. Only packages/core/src/backend/native.ts does: go through the backend.`,
        );
      }
    }
    const depth = path.slice(`${folder}/src/`.length).split("/").length - 1;
    const deepest = path.startsWith(`${folder}/src/model/`) ? 2 : 1;
    if (depth > deepest) problems.push(`[${path}] lies ${depth} folders deep in src. Use at most ${deepest}.`);
  }
  return problems;
}

function imports(text) {
  const found = text.matchAll(
    /^\s*(?:import|export)\b[^;"']*?from\s*["']([^"']+)["']|^import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm,
  );
  return [...found].map((match) => match[1] ?? match[2] ?? match[3]);
}

function checkNames(files) {
  const drawers = new Set();
  for (const file of files) {
    const parts = file.split("/");
    const at = parts.findIndex((part) => DRAWERS.test(part));
    if (at >= 0) drawers.add(parts.slice(0, at + 1).join("/"));
  }
  return [...drawers].map(
    (path) => `[${path}] is named ${basename(path)}, which says nothing. Name it after what it does.`,
  );
}

function checkLengths(root, files) {
  const listFile = "scripts/long-files.json";
  const reasons = existsSync(join(root, listFile)) ? JSON.parse(readFileSync(join(root, listFile), "utf8")) : {};
  const long = new Map();
  for (const file of files.filter((path) => CODE.has(extname(path)))) {
    const lines = readFileSync(join(root, file), "utf8").trimEnd().split("\n").length;
    if (lines > LONGEST_FILE) long.set(file, lines);
  }
  return [
    ...[...long]
      .filter(([file]) => !reasons[file])
      .map(
        ([file, lines]) =>
          `[${file}] has ${lines} lines; ${LONGEST_FILE} is the limit. Split it, or give the reason in ${listFile}.`,
      ),
    ...Object.keys(reasons)
      .filter((file) => !long.has(file))
      .map((file) => `[${listFile}] excuses ${file}, which is not longer than ${LONGEST_FILE} lines. Remove the line.`),
  ];
}

/** The devices stand side by side: what both need is in kernels.h or runtime. */
function checkNative(root, files) {
  const problems = [];
  for (const [own, other] of [
    ["cpu", "cuda"],
    ["cuda", "cpu"],
  ]) {
    for (const file of files.filter((path) => path.startsWith(`native/${own}/`))) {
      const included = readFileSync(join(root, file), "utf8").match(
        new RegExp(`^#include "(?:.*/)?${other}/[^"]+"`, "m"),
      );
      if (included) problems.push(`[${file}] has ${included[0]}. ${own} and ${other} never include each other.`);
    }
  }
  return problems;
}

/**
 * The lock file names packages and hashes, not hosts, so that a mirror can be used; and it names the binaries of every
 * platform, which npm leaves out when a mirror did not have one of them, and then refuses the file (npm/cli#7406).
 */
function checkLock(root) {
  if (!existsSync(join(root, "package-lock.json"))) return [];
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const problems = [];
  for (const [path, { resolved, optionalDependencies = {} }] of Object.entries(packages)) {
    if (/^https?:/.test(resolved ?? "")) {
      problems.push(
        `[package-lock.json] ${path} names a host. Run: npm install --package-lock-only --omit-lockfile-registry-resolved`,
      );
    }
    for (const name of Object.keys(optionalDependencies)) {
      if (Object.keys(packages).some((entry) => entry.endsWith(`node_modules/${name}`))) continue;
      problems.push(
        `[package-lock.json] ${name} of ${path} is missing. Take a version of which every platform is there, then run: ` +
          "rm -rf node_modules package-lock.json && npm install --ignore-scripts",
      );
    }
  }
  return problems;
}

/** A changeset of a package that is not there stops the release. */
function checkChangesets(root, packages) {
  const folder = join(root, ".changeset");
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => /(?<!README)\.md$/.test(file)) : [];
  const known = packages.map(({ manifest }) => manifest.name);
  return files.flatMap((file) => {
    const head = readFileSync(join(folder, file), "utf8").split("---")[1] ?? "";
    return [...head.matchAll(/^["']?([^"':\n]+)["']?:/gm)]
      .filter(([, name]) => !known.includes(name))
      .map(([, name]) => `[.changeset/${file}] ${name} is no package. There are ${known.join(", ")}.`);
  });
}

function listFiles(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name) || entry.name.startsWith("build-")) return [];
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? listFiles(root, path) : [path];
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(() => {
    const problems = checkPackages(ROOT);
    for (const problem of problems) console.error(problem);
    if (problems.length === 0) console.log("every package keeps to the layout");
    return problems.length > 0 ? 1 : 0;
  });
}
