/**
 * Whether a path matches one of some shell patterns: `?` any character, `[abc]` `[a-z]` `[!a]` one of a set, `*` any
 * number of characters. As in Python's `fnmatch`, which the hub's tools use, these also match "/", unless
 * `withinFolder`; a pattern that ends in "/" stands for all below it.
 */
export function globMatcher(
  patterns: readonly string[],
  { withinFolder = false }: { withinFolder?: boolean } = {},
): (path: string) => boolean {
  const regexes = patterns.map((pattern) => toRegex(pattern.endsWith("/") ? `${pattern}*` : pattern, withinFolder));
  return (path) => regexes.some((regex) => regex.test(path));
}

function toRegex(pattern: string, withinFolder: boolean): RegExp {
  const any = withinFolder ? "[^/]" : "[^]";
  let text = "";
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    if (character === "*") {
      while (pattern[at + 1] === "*") at++; // several are one, and cost one
      text += `${any}*`;
    } else if (character === "?") text += any;
    else if (character === "[") {
      const end = pattern.indexOf("]", at + (pattern[at + 1] === "!" ? 3 : 2));
      if (end < 0) text += "\\[";
      else {
        const inside = pattern.slice(at + 1, end).replace(/[\\^[\]]/g, "\\$&");
        text += `[${inside.replace(/^!/, "^")}]`;
        at = end;
      }
    } else text += character.replace(/[\\^$.|+(){}\]/]/g, "\\$&");
  }
  return new RegExp(`^${text}$`, "s");
}
