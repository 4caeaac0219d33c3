// What WebCrypto takes; a view of a SharedArrayBuffer is none.
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();

// A byte order mark is not skipped: JSON with one is no JSON (RFC 8259, section 8.1).
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const utf8 = (text: string): Bytes => encoder.encode(text);

/** Throws a TypeError for bytes that are no UTF-8. */
export const text = (bytes: Bytes): string => decoder.decode(bytes);

export function concat(...parts: Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Each field with its length in front, so that no two lists of fields are the same bytes. */
export function lp(...fields: string[]): Bytes {
  return concat(
    ...fields.flatMap((field) => {
      const bytes = utf8(field);
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, bytes.length);
      return [length, bytes];
    }),
  );
}

export function encode(bytes: Bytes): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Takes the one spelling that `encode` gives (RFC 4648, section 3.5) and returns undefined for every other: a text that can be spelt twice would be told
 * apart by those who compare texts, and not by those who compare bytes. `length` is that of the bytes, where only one is right.
 */
export function decode(text: string, length?: number): Bytes | undefined {
  let binary: string;
  try {
    binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return undefined;
  }
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return encode(bytes) === text && (length === undefined || bytes.length === length) ? bytes : undefined;
}
