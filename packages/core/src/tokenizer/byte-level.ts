/** GPT-2's alphabet: each byte is written as a printable character, so that any text is a string of them. */

const CHARACTER_OF_BYTE: readonly string[] = (() => {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
})();

const BYTE_OF_CODE = new Map(CHARACTER_OF_BYTE.map((character, byte) => [character.charCodeAt(0), byte]));

/** The character that stands for a byte. */
export const characterOfByte = (byte: number): string => CHARACTER_OF_BYTE[byte]!;

const utf8 = new TextEncoder();

/** The bytes that a token stands for; a token with characters outside the alphabet (an added one) is its own text. */
export function bytesOfToken(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF_CODE.get(token.charCodeAt(i));
    if (byte === undefined) return utf8.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}

/** Whether a token is written in the alphabet. */
export const isByteLevel = (token: string): boolean => {
  for (let i = 0; i < token.length; i++) if (!BYTE_OF_CODE.has(token.charCodeAt(i))) return false;
  return true;
};
