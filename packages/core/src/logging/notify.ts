/** Takes a sentence for a person. */
export type Notify = (notice: string) => void;

/** Where nobody asked for the sentences of a reporter. */
export const warn: Notify = (notice) => process.emitWarning(notice, "TrainingReport");
