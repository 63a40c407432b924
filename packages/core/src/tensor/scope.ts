import { EngineError } from "../errors.ts";
import { releaseTogether } from "./storage.ts";
import { Tensor } from "./tensor.ts";

/** The handles made while it is the innermost open scope. */
export class Scope {
  private readonly handles = new Set<Tensor>();

  add(tensor: Tensor): void {
    this.handles.add(tensor);
  }

  remove(tensor: Tensor): boolean {
    return this.handles.delete(tensor);
  }

  disposeAll(): void {
    releaseTogether(() => {
      for (const tensor of this.handles) tensor.dispose();
    });
  }
}

const scopes: Scope[] = [];

export const innermostScope = (): Scope | undefined => scopes[scopes.length - 1];

/** Runs a function whose handles belong to `scope`; the caller says what becomes of them. */
export function withScope<T>(scope: Scope, run: () => T): T {
  scopes.push(scope);
  try {
    return run();
  } finally {
    scopes.pop();
  }
}

function* tensorsIn(value: unknown, seen = new Set<unknown>()): Generator<Tensor> {
  if (value === null || typeof value !== "object" || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Tensor) yield value;
  else if (Array.isArray(value)) for (const item of value) yield* tensorsIn(item, seen);
  else if (value instanceof Map) for (const item of value.values()) yield* tensorsIn(item, seen);
  else if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null) {
    for (const item of Object.values(value)) yield* tensorsIn(item, seen);
  }
}

export function refusePromise(where: string, value: unknown): void {
  if (value !== null && typeof value === "object" && typeof (value as { then?: unknown }).then === "function") {
    (value as Promise<unknown>).then(undefined, () => {}); // its own failure must not go unhandled as well
    throw new EngineError(
      where,
      "the function is asynchronous",
      "Call data() or item() inside and await the result outside.",
    );
  }
}

/**
 * Runs a synchronous function and disposes every tensor made in it, except those it returns: a tensor, or tensors in
 * arrays, plain objects and maps. What is returned belongs to the scope around this one. Storages that the tape or a
 * parameter needs live on.
 *
 * @throws EngineError if the function returns a promise: no scope is ever open across an `await`
 */
export function tensorScope<T>(run: () => T): T {
  const scope = new Scope();
  try {
    const result = withScope(scope, run);
    refusePromise("tensorScope", result);
    for (const tensor of tensorsIn(result)) {
      if (scope.remove(tensor)) tensor.adopt(innermostScope());
    }
    return result;
  } finally {
    scope.disposeAll();
  }
}
