/**
 * The pieces of a text up to the first stop text, which may begin inside a piece, span several, or begin in the prompt
 * before them. What may yet become a stop text is held back until that is clear.
 */
export async function* endBefore(
  stops: readonly string[],
  prompt: string,
  pieces: AsyncIterable<string>,
): AsyncGenerator<string, void> {
  let text = prompt; // and what came behind it
  let written = prompt.length;
  for await (const piece of pieces) {
    const before = text.length;
    text += piece;
    const found = stops.flatMap((stop) => {
      const at = text.indexOf(stop, Math.max(0, before - stop.length + 1));
      return at < 0 ? [] : [at];
    });
    const end = found.length > 0 ? Math.min(...found) : text.length - mostHeld(stops, text);
    if (end > written) yield text.slice(written, end);
    written = Math.max(written, end);
    if (found.length > 0) return;
  }
  if (text.length > written) yield text.slice(written);
}

/** Characters at the end of a text that one of the stop texts begins with. */
function mostHeld(stops: readonly string[], text: string): number {
  let most = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > most; length--) {
      if (text.endsWith(stop.slice(0, length))) most = length;
    }
  }
  return most;
}
