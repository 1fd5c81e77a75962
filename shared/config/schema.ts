import type { z } from "zod";

/** One settable key of a config schema. */
export interface ConfigKey {
  /** `["queue", "capacity"]`. */
  readonly path: readonly string[];
  readonly kind: "string" | "number" | "boolean" | "list";
  readonly description: string;
  /** The default, for the help; undefined if there is none. */
  readonly defaultValue: unknown;
}

/** The parts of zod's definitions that {@linkcode configKeys} reads. */
interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly in?: z.ZodType;
  readonly defaultValue?: unknown;
}

/** `queue.capacity` as a flag: `--queue-capacity`. */
export function flagName(key: ConfigKey): string {
  return key.path.join("-").replaceAll("_", "-");
}

/** `queue.capacity` as an environment variable: `LLORCH_QUEUE_CAPACITY`. */
export function envName(key: ConfigKey): string {
  return "LLORCH_" + key.path.join("_").toUpperCase();
}

/**
 * Every settable key of a schema, in the schema's order. Records (tables whose keys are names
 * chosen by the operator) are left out, since they can be set only in the file.
 */
export function configKeys(schema: z.ZodObject, path: readonly string[] = []): ConfigKey[] {
  return Object.entries(schema.shape).flatMap(([name, field]) => {
    const at = [...path, name];
    const { inner, defaultValue, description } = unwrap(field as z.ZodType);
    const { type, options = [] } = definition(inner);
    if (type === "object") return configKeys(inner as z.ZodObject, at);
    if (type === "record") return [];
    // A union of number and string accepts both as text.
    const words = options.every((option) => ["number", "string"].includes(definition(option).type));
    const kind = type === "union" && words ? "string" : kindOf(type, at);
    return [{ path: at, kind, description, defaultValue }];
  });
}

function kindOf(type: string, path: readonly string[]): ConfigKey["kind"] {
  switch (type) {
    case "number":
    case "boolean":
      return type;
    case "array":
      return "list";
    case "string":
    case "enum":
      return "string";
    default:
      throw new TypeError(`Cannot set "${path.join(".")}" from a flag: its type is ${type}`);
  }
}

function unwrap(
  field: z.ZodType,
): { inner: z.ZodType; defaultValue: unknown; description: string } {
  let inner = field;
  let defaultValue: unknown;
  let description = inner.description ?? "";
  while (true) {
    const { type, innerType, defaultValue: own } = definition(inner);
    if ((type !== "default" && type !== "optional" && type !== "prefault") || !innerType) break;
    if (type === "default") defaultValue ??= own;
    inner = innerType;
    description ||= inner.description ?? "";
  }
  return { inner, defaultValue, description };
}

function definition(schema: z.ZodType): Definition {
  return schema.def as unknown as Definition;
}
