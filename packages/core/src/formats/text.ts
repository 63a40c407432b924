import type { RecordFormat } from "./read-records.ts";
import { documentScanner, lineScanner, paragraphScanner } from "./record-scanner.ts";

/** What a row of a text file is. "paragraph": what stands between empty lines. */
export type SampleBy = "line" | "paragraph" | "document";

/** Texts in a column "text". Line ends within a text are "\n". */
export function textRecords(sampleBy: SampleBy, keepLinebreaks: boolean): RecordFormat {
  const features = { text: "string" } as const;
  if (sampleBy === "line") {
    const end = keepLinebreaks ? "\n" : "";
    return { scanner: lineScanner(true), decode: (text) => ({ text: text + end }), features };
  }
  const scanner = sampleBy === "paragraph" ? paragraphScanner() : documentScanner();
  return { scanner, decode: (text) => ({ text: text.replaceAll("\r\n", "\n") }), features };
}
