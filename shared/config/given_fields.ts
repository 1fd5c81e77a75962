import { z } from "zod";

/** Most sets of fields for which a schema is kept; values with others are checked by the whole schema. */
const MOST_SETS = 32;

/** Fewest optional fields of a schema for which this is worth its while. */
const FEWEST_OPTIONAL = 6;

/** What is known of a schema. */
interface Known {
  /** Fields whose absence means something: they are required, or have a default. */
  readonly needed: ReadonlySet<string>;
  /** The smaller schemas, by the fields of a value that they have; undefined: the schema is small itself. */
  readonly bySet: Map<string, z.ZodObject> | undefined;
}

const known = new WeakMap<z.ZodType, Known>();

/**
 * The same schema without the optional fields that a value does not have: zod looks at every field that a schema
 * knows, and an API's have dozens of which a request has five. It finds exactly what the whole schema does.
 */
export function forGiven<S extends z.ZodType>(schema: S, value: unknown): S {
  if (!isObject(schema) || typeof value !== "object" || value === null) return schema;
  const { shape } = schema;
  const { needed, bySet } = knownOf(schema);
  if (!bySet) return schema;
  const given = Object.keys(value).filter((name) => Object.hasOwn(shape, name));
  const set = given.sort().join();
  const there = bySet.get(set);
  if (there) return there as unknown as S;
  if (bySet.size >= MOST_SETS) return schema;
  const kept = Object.entries(shape).filter(([name]) => needed.has(name) || given.includes(name));
  const smaller = schema.clone({ ...schema.def, shape: Object.fromEntries(kept) });
  bySet.set(set, smaller);
  return smaller as unknown as S;
}

function isObject(schema: z.ZodType): schema is z.ZodObject {
  return schema.def.type === "object";
}

function knownOf(schema: z.ZodObject): Known {
  const there = known.get(schema);
  if (there) return there;
  const fields = Object.entries(schema.shape);
  const needed = fields.filter(([_, field]) => !isOptional(field)).map(([name]) => name);
  const isSmall = fields.length - needed.length < FEWEST_OPTIONAL;
  const made = { needed: new Set(needed), bySet: isSmall ? undefined : new Map() };
  known.set(schema, made);
  return made;
}

/** Whether an object without the field is taken as it is. */
function isOptional(field: z.core.$ZodType): boolean {
  const { success, data } = z.object({ field }).safeParse({});
  return success && !("field" in data);
}
