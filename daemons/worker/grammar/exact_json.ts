/** Digits beyond which an integer is not kept to the last one. */
const MAX_DIGITS = 400;

/**
 * Parses JSON; integers that a double cannot hold become bigints, so that none is changed.
 *
 * @throws {SyntaxError}
 * @throws {RangeError} If it is nested too deep
 */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, exactly);
}

function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  return source.length <= MAX_DIGITS && /^-?\d+$/.test(source) ? BigInt(source) : value;
}

/** Whether two values of JSON are the same; the order of properties does not matter. */
export function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  // A number that is no bigint has been rounded, as those of a schema are.
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

export function isNumber(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** A text that is the same for values that {@linkcode isSame} finds the same. */
export function identityOf(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") {
    return Number.isInteger(value) ? String(BigInt(value)) : String(value);
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "";
  if (Array.isArray(value)) return `[${value.map(identityOf).join()}]`;
  const pairs = Object.entries(value).sort(([one], [other]) => one < other ? -1 : 1);
  return `{${pairs.map(([key, each]) => `${JSON.stringify(key)}:${identityOf(each)}`).join()}}`;
}
