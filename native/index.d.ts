/**
 * Loads the native addon of this platform. A second call returns the same object.
 *
 * The caller knows what is in it; `@ettin/core` holds the types of its functions.
 *
 * @throws if there is no binary for this platform or it does not load; the message says what to run.
 */
export function loadAddon(): unknown;

/**
 * The path of the library of CUDA kernels: of `ETTIN_CUDA_LIBRARY`, the one built in a checkout, or the one of this
 * platform's package.
 *
 * @throws if there is none; the message, "what. way out", says what to run.
 */
export function findCudaLibrary(): string;

/** A program for Node: loads the library that its argument names and prints what it finds, as JSON. */
export const cudaProbe: string;
