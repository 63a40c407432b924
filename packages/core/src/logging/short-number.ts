const UNITS = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
] as const;

/** A number for people in few characters: "0.0123", "2.35", "12.3k", "1.2M", "3e-7". */
export function shortNumber(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-3) return withoutZeros(value.toExponential(digits - 1));
  // what rounds up to the unit has it: 999.96 is "1k"
  const found = UNITS.find(([unit]) => size >= unit * (1 - 0.5 * 10 ** -Math.max(3, digits)));
  return found ? `${plain(value / found[0], digits)}${found[1]}` : plain(value, digits);
}

const plain = (value: number, digits: number): string =>
  Math.abs(value) >= 10 ** (digits - 1) ? value.toFixed(0) : withoutZeros(value.toPrecision(digits));

const withoutZeros = (text: string): string => (text.includes(".") ? text.replace(/\.?0+(?=e|$)/, "") : text);

/** Bytes for people, in powers of ten: "1.23 GB". */
export function shortBytes(bytes: number): string {
  const [, number = "", unit = ""] = /^(.*?)([kMGT]?)$/.exec(shortNumber(bytes)) ?? [];
  return `${number} ${unit}B`;
}

/** A whole number with its thousands apart: "1,234,567". */
export const groupedNumber = (value: number): string => Math.round(value).toLocaleString("en-US");

/** A length of time: "42s", "3:07", "1:02:33", "2d 04:10". */
export function shortTime(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "?";
  const all = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, "0");
  const days = Math.floor(all / 86_400);
  const hours = Math.floor(all / 3600) % 24;
  const minutes = Math.floor(all / 60) % 60;
  if (days > 0) return `${days}d ${two(hours)}:${two(minutes)}`;
  if (hours > 0) return `${hours}:${two(minutes)}:${two(all % 60)}`;
  return minutes > 0 ? `${minutes}:${two(all % 60)}` : `${all}s`;
}
