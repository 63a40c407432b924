/** What one log event says: the step, and values by the names that the trainer logs. */
export interface LogRecord extends Readonly<Record<string, unknown>> {
  readonly step: number;
}
