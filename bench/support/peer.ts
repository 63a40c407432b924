import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Runs a script of bench/peers with the Python that ETTIN_PYTHON names (else python3) and returns its JSON line; null,
 * after saying so, where PyTorch is not installed.
 */
export function peer(script: string, ...args: string[]): Record<string, number> | null {
  const python = process.env.ETTIN_PYTHON ?? "python3";
  const path = fileURLToPath(new URL(`../peers/${script}`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(python, [path, ...args], { encoding: "utf8" });
  if (status === 0) return JSON.parse(stdout.trim().split("\n").at(-1)!);
  const reason = stderr?.includes("No module named")
    ? "has no PyTorch"
    : `failed: ${stderr?.trim().split("\n").at(-1)}`;
  console.log(`  PyTorch: skipped, ${python} ${reason}. Set ETTIN_PYTHON to a Python that has it.`);
  return null;
}
