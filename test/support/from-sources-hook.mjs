/** "@ettin/core" becomes packages/core/src/index.ts. */
export async function resolve(specifier, context, nextResolve) {
  const name = /^(?:@ettin\/(core|dense|pretrain)|ettin)$/.exec(specifier);
  if (!name) return nextResolve(specifier, context);
  return { url: new URL(`../../packages/${name[1] ?? "cli"}/src/index.ts`, import.meta.url).href, shortCircuit: true };
}
