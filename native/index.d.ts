/**
 * Loads the native addon of this platform. A second call returns the same object.
 *
 * The caller knows what is in it; `@ettin/core` holds the types of its functions.
 *
 * @throws if there is no binary for this platform or it does not load; the message says what to run.
 */
export function loadAddon(): unknown;
