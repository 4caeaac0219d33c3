import { type Bytes, text } from "./bytes.js";

export type JsonObject = Record<string, unknown>;

// A string and whether it names a member, a bracket, or a number. JSON.parse has seen the text before: there is nothing else to tell apart.
const depthLimit = 16;
const tokens = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]|-?\d[\d.eE+-]*/g;

/**
 * Reads a JSON object and returns undefined for what two readers could understand differently: bytes that are no UTF-8, half a surrogate pair, a member
 * that is there twice (of which JSON.parse takes the last, and others the first). A number among the object's own members that is more than digits, such as
 * 1.0 or 1e3, is read as NaN, since not everybody takes it for a whole one.
 */
export function readObject(bytes: Bytes): JsonObject | undefined {
  let json: string;
  let object: unknown;
  try {
    json = text(bytes);
    object = JSON.parse(json);
  } catch {
    return undefined;
  }
  return isObject(object) && plain(json, object) ? object : undefined;
}

export const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

function plain(json: string, object: JsonObject): boolean {
  const open: Set<string>[] = [];
  let name = "";
  for (const [token, string, colon] of json.matchAll(tokens)) {
    const names = open.at(-1);
    if (string !== undefined) {
      const value = JSON.parse(string) as string;
      if (halved(value)) return false;
      if (colon === undefined) continue;
      if (names?.has(value)) return false;
      names?.add((name = value));
    } else if (token === "{" || token === "[") {
      if (open.push(new Set()) > depthLimit) return false;
    } else if (token === "}" || token === "]") {
      open.pop();
    } else if (open.length === 1 && !/^(0|[1-9]\d*)$/.test(token)) {
      object[name] = NaN;
    }
  }
  return true;
}

/** Whether half a surrogate pair stands alone in it, which has no UTF-8: every encoder would write another text than the one that was meant. */
export const halved = (value: string): boolean => /\p{Surrogate}/u.test(value);

export const isText = (value: unknown): value is string => typeof value === "string";

/** A whole number that means the same to everybody. */
export const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);

/** Whether the object has exactly these members, each as its test wants it. */
export function exactly<T>(object: JsonObject | undefined, tests: { [K in keyof T]: (value: unknown) => boolean }): object is JsonObject & T {
  const names = Object.keys(tests);
  return (
    object !== undefined &&
    Object.keys(object).length === names.length &&
    names.every((name) => Object.hasOwn(object, name) && tests[name as keyof T](object[name]))
  );
}

/** A test for one value and no other. */
export const is = (want: string) => (value: unknown): boolean => value === want;
