import { exactNumber, isExactNumber, parseExactJson } from "#shared/exact_json.ts";

/** Digits beyond which an integer is not kept to the last one. */
const MAX_DIGITS = 400;

/** A number of JSON to compute with. A bigint is an integer that a double may not hold. */
export type JsonNumber = number | bigint;

/**
 * Parses JSON; integers that a double may not hold become bigints, so that none is changed.
 *
 * @throws {SyntaxError}
 * @throws {RangeError} If it is nested too deep
 */
export function parseExactly(text: string): unknown {
  return /\d{16}/.test(text) ? exactly(parseExactJson(text)) : JSON.parse(text);
}

/**
 * The same value of JSON with numbers to compute with instead of those that `parseExactJson()` kept
 * as they were written. Values without such numbers are not copied.
 *
 * @throws {RangeError} If it is nested too deep
 */
export function exactly<T>(value: T): T;
export function exactly(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isExactNumber(value)) return numberOf(value.rawJSON);
  if (Array.isArray(value)) {
    const items = value.map((each) => exactly(each));
    return items.some((each, index) => each !== value[index]) ? items : value;
  }
  const pairs = Object.entries(value).map(([key, each]) => [key, each, exactly(each)] as const);
  if (pairs.every(([, before, after]) => before === after)) return value;
  return Object.fromEntries(pairs.map(([key, , after]) => [key, after]));
}

function numberOf(text: string): JsonNumber {
  const value = Number(text);
  const isKept = !Number.isSafeInteger(value) && text.length <= MAX_DIGITS && /^-?\d+$/.test(text);
  return isKept ? BigInt(text) : value;
}

/** JSON of a value with numbers of {@linkcode exactly}. */
export function jsonText(value: unknown): string {
  return JSON.stringify(
    value,
    (_, each) => typeof each === "bigint" ? exactNumber(String(each)) : each,
  );
}

/** Whether two values of JSON are the same; the order of properties does not matter. */
export function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  // A number that is no bigint may have been rounded.
  if (isNumber(one) && isNumber(other)) {
    const isRounded = typeof one === "number" || typeof other === "number";
    return isRounded && Number(one) === Number(other);
  }
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    return Array.isArray(one) && Array.isArray(other) && one.length === other.length &&
      one.every((each, index) => isSame(each, other[index]));
  }
  const [keys, others] = [Object.keys(one), Object.keys(other)];
  return keys.length === others.length && keys.every((key) =>
    Object.hasOwn(other, key) &&
    isSame((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key])
  );
}

export function isNumber(value: unknown): value is JsonNumber {
  return typeof value === "number" || typeof value === "bigint";
}

/** A text that is the same for values that {@linkcode isSame} finds the same. */
export function identityOf(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") {
    // JavaScript writes integers of up to 21 digits as their JSON had them.
    const isLarge = Number.isInteger(value) && Math.abs(value) >= 1e21;
    return isLarge ? String(BigInt(value)) : String(value);
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "";
  if (Array.isArray(value)) return `[${value.map(identityOf).join()}]`;
  const pairs = Object.entries(value).sort(([one], [other]) => one < other ? -1 : 1);
  return `{${pairs.map(([key, each]) => `${JSON.stringify(key)}:${identityOf(each)}`).join()}}`;
}
