const MONTHS = [
  ...["January", "February", "March", "April", "May", "June", "July"],
  ...["August", "September", "October", "November", "December"],
];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MS_PER_DAY = 86_400_000;

const two = (n: number): string => String(n).padStart(2, "0");

const DIRECTIVES: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getFullYear()),
  y: (date) => two(date.getFullYear() % 100),
  m: (date) => two(date.getMonth() + 1),
  B: (date) => MONTHS[date.getMonth()]!,
  b: (date) => MONTHS[date.getMonth()]!.slice(0, 3),
  d: (date) => two(date.getDate()),
  e: (date) => String(date.getDate()).padStart(2, " "),
  j: (date) => String(dayOfYear(date)).padStart(3, "0"),
  A: (date) => DAYS[date.getDay()]!,
  a: (date) => DAYS[date.getDay()]!.slice(0, 3),
  H: (date) => two(date.getHours()),
  I: (date) => two(date.getHours() % 12 || 12),
  M: (date) => two(date.getMinutes()),
  S: (date) => two(date.getSeconds()),
  p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
  "%": () => "%",
};

function dayOfYear(date: Date): number {
  const day = (year: number, month: number, dayOfMonth: number) => Date.UTC(year, month, dayOfMonth) / MS_PER_DAY;
  return day(date.getFullYear(), date.getMonth(), date.getDate()) - day(date.getFullYear(), 0, 0);
}

/** Python's `strftime` in the C locale, local time; a directive that it does not know stays as it is. */
export const strftime = (date: Date, format: string): string =>
  format.replace(/%(.)/g, (written, letter: string) => DIRECTIVES[letter]?.(date) ?? written);
