import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadAddon } from "@ettin/native";
import { describe, expect, test } from "vitest";
import type { Addon } from "../../../packages/core/src/backend/addon.ts";
import { ROOT } from "../../support/root.ts";

interface Method {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
}

/** The addon's letter (native/binding/arguments.h) for each C++ type, and the TypeScript type that it stands for. */
const TYPES: Readonly<Record<string, { letter: string; type: string }>> = {
  View: { letter: "v", type: "TensorView" },
  Stored: { letter: "s", type: "TensorView" },
  StoredOut: { letter: "S", type: "TensorView" },
  Weight: { letter: "w", type: "TensorView" },
  Optional: { letter: "V", type: "TensorView | null" },
  Out: { letter: "o", type: "TensorView" },
  OptionalOut: { letter: "O", type: "TensorView | null" },
  InOut: { letter: "m", type: "TensorView" },
  OptionalInOut: { letter: "M", type: "TensorView | null" },
  Views: { letter: "l", type: "readonly TensorView[]" },
  InOuts: { letter: "L", type: "readonly TensorView[]" },
  int64_t: { letter: "i", type: "number" },
  double: { letter: "d", type: "number" },
  bool: { letter: "b", type: "boolean" },
};

const camelCase = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const split = (text: string): string[] => text.split(",").flatMap((part) => part.trim() || []);
const source = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** The methods of `interface Kernels`, in order. */
function contractMethods(): Method[] {
  const [, body] = source("packages/core/src/backend/contract.ts").split("export interface Kernels {");
  const text = body!.replace(/\/\/.*$/gm, "");
  return [...text.matchAll(/(\w+)\(([^)]*)\): void;/g)].map(([, name, parameters]) => ({
    name: name!,
    parameters: split(parameters!).map((parameter) => {
      const [, argument, type] = /^(\w+): (.+)$/.exec(parameter)!;
      return { name: argument!, type: type! };
    }),
  }));
}

/** The rows of ETTIN_KERNELS, in order, with C++ types. */
function declaredKernels(): Method[] {
  const text = source("native/kernels.h")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/\\\n/g, " ");
  return [...text.matchAll(/K\((\w+),\s*\(([^)]*)\)\)/g)].map(([, name, parameters]) => ({
    name: camelCase(name!),
    parameters: split(parameters!)
      .slice(1) // Context&
      .map((parameter) => {
        const [type, argument] = parameter.split(/\s+/);
        return { name: camelCase(argument!), type: type! };
      }),
  }));
}

describe("the backend contract", () => {
  const contract = contractMethods();
  const declared = declaredKernels();

  test("lists every kernel that is declared, in the same order", () => {
    expect(declared.length).toBeGreaterThan(80);
    expect(contract.map((method) => method.name)).toEqual(declared.map((kernel) => kernel.name));
  });

  test.each(declared.map((kernel, i) => [kernel.name, kernel, contract[i]!] as const))(
    "%s takes the arguments that are declared",
    (_, kernel, method) => {
      expect(method.parameters).toEqual(kernel.parameters.map(({ name, type }) => ({ name, type: TYPES[type]!.type })));
    },
  );

  test("the addon binds each kernel with the signature that is declared", () => {
    expect((loadAddon() as Addon).kernels).toEqual(
      declared.map(({ name, parameters }) => ({
        name,
        signature: parameters.map(({ type }) => TYPES[type]!.letter).join(""),
      })),
    );
  });
});
