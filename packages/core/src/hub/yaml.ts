/** What front matter is made of. Entries that are undefined are left out. */
export type YamlValue =
  | string
  | number
  | boolean
  | null
  | readonly YamlValue[]
  | { readonly [key: string]: YamlValue | undefined };

/** Words and numbers that a reader of YAML 1.1 or 1.2 takes for a string: no `no`, no `1.0`, no dates. */
const PLAIN = /^[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*$/;
const NOT_STRINGS = /^(?:true|false|yes|no|on|off|y|n|null|nan|inf)$/i;

/** A value as YAML in block style, indented by `indent` spaces; a mapping at the top has no indent. */
export function toYaml(value: YamlValue, indent = 0): string {
  const pad = " ".repeat(indent);
  if (Array.isArray(value)) {
    if (value.length === 0) return `${pad}[]\n`;
    // The first line of an entry goes beside its dash.
    return value.map((item: YamlValue) => `${pad}- ${toYaml(item, indent + 2).slice(indent + 2)}`).join("");
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter((entry): entry is [string, YamlValue] => entry[1] !== undefined);
    if (entries.length === 0) return `${pad}{}\n`;
    return entries
      .map(([key, item]) => {
        const nested = typeof item === "object" && item !== null && Object.keys(item).length > 0;
        return nested
          ? `${pad}${scalar(key)}:\n${toYaml(item, indent + (Array.isArray(item) ? 0 : 2))}`
          : `${pad}${scalar(key)}: ${toYaml(item, 0)}`;
      })
      .join("");
  }
  return `${pad}${scalar(value as string | number | boolean | null)}\n`;
}

function scalar(value: string | number | boolean | null): string {
  if (typeof value === "number") {
    if (Number.isNaN(value)) return ".nan";
    if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
    const text = String(value);
    return /^-?\d+e/.test(text) ? text.replace("e", ".0e") : text; // YAML 1.1 takes 1e-7 for a string
  }
  if (typeof value !== "string") return String(value);
  if (PLAIN.test(value) && !NOT_STRINGS.test(value)) return value;
  // JSON's strings are YAML's, but for line ends that only YAML knows.
  return JSON.stringify(value).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
