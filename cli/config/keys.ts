import { type ConfigKey, configKeys } from "#shared/config/schema.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { closest } from "#shared/text.ts";
import { HOST_NAME, hostSchema, keysSchema } from "./schema.ts";

/** The keys that the file can have once. */
export const FIXED_KEYS: readonly ConfigKey[] = configKeys(keysSchema);

/** The keys of each host, behind `hosts.NAME.`. */
export const HOST_KEYS: readonly ConfigKey[] = configKeys(hostSchema);

/** Every key as people write it, including `hosts.NAME.address`. */
export const KEY_WORDS: readonly string[] = [
  ...FIXED_KEYS.map(({ path }) => path.join(".")),
  ...HOST_KEYS.map(({ path }) => `hosts.NAME.${path.join(".")}`),
];

/**
 * Finds the key that was typed.
 *
 * @throws {UsageError} that names the nearest one when it does not exist.
 */
export function findKey(typed: string): ConfigKey {
  const parts = typed.split(".");
  const [head, host = "", ...rest] = parts;
  if (head === "hosts" && host !== "" && !HOST_NAME.test(host)) {
    throw new UsageError(
      `Cannot call a host "${host}": its name must be letters, digits, _ and -, and not begin with -`,
    );
  }
  const found = head === "hosts" && host !== ""
    ? HOST_KEYS.find(({ path }) => path.join(".") === rest.join("."))
    : FIXED_KEYS.find(({ path }) => path.join(".") === typed);
  if (found) return { ...found, path: parts };
  throw new UsageError(
    `Unknown key ${typed}${hintFor(typed) || "; llorch config list --all shows every key"}`,
  );
}

/** `; did you mean pool.url?`, or nothing when no key is near. */
export function hintFor(typed: string): string {
  const parts = typed.split(".");
  const host = parts[0] === "hosts" ? parts[1] : undefined;
  const words = KEY_WORDS.map((word) => host ? word.replace("NAME", host) : word);
  const sections = ["hosts", ...FIXED_KEYS.map(({ path }) => path[0]!)];
  const near = closest(typed, [...words, ...sections]);
  return near === undefined || near === typed ? "" : `; did you mean ${near}?`;
}

/**
 * An argument of the command line as a key's value; a list is `a,b` or `["a", "b"]`.
 *
 * @throws {UsageError} when the key takes something else.
 */
export function coerce({ kind, path }: ConfigKey, text: string): unknown {
  switch (kind) {
    case "number": {
      const value = Number(text);
      if (text.trim() !== "" && Number.isFinite(value)) return value;
      throw new UsageError(`${path.join(".")} must be a number: current value is "${text}"`);
    }
    case "list":
      return text.startsWith("[")
        ? jsonList(path, text)
        : text.split(",").map((part) => part.trim()).filter((part) => part !== "");
    default:
      return text;
  }
}

function jsonList(path: readonly string[], text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${path.join(".")} must be a list like ["a", "b"] or a,b: found ${text}`);
  }
}

/** A value as {@linkcode coerce} reads it. */
export function formatValue(value: unknown): string {
  return Array.isArray(value) ? JSON.stringify(value) : String(value);
}
