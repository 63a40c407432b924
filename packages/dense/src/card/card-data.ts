/** What people say about a model, for its card. */
export interface CardData {
  /** The heading; "owner/name" where the usage is to load it from the hub. @default by the base model */
  name?: string;
  /** Paragraphs of Markdown below the heading. */
  description?: string;
  /** ISO 639-1 codes. */
  language?: string | readonly string[];
  /** The hub's key of the license, such as "apache-2.0". */
  license?: string;
  /** What it was trained on: "owner/name". */
  datasets?: string | readonly string[];
  /** Beside those of the library. */
  tags?: readonly string[];
}
