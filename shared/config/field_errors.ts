import type { z } from "zod";
import type { FieldError } from "../errors.ts";
import { forGiven } from "./given_fields.ts";

/** Most wrong fields that are named: a list of a million wrong numbers needs no million sentences. */
const MOST_NAMED = 20;

/** A value that has been checked: what the schema makes of it, or its wrong fields. */
export type Checked<T> =
  | { readonly data: T }
  | { readonly errors: readonly [FieldError, ...FieldError[]] };

/** Checks a value that may have any number of wrong fields, of which the first are named. */
export function checked<S extends z.ZodType>(schema: S, value: unknown): Checked<z.output<S>> {
  let parsed: z.ZodSafeParseResult<z.output<S>>;
  try {
    parsed = forGiven(schema, value).safeParse(value);
  } catch (error) {
    // zod hands over its findings as arguments, of which V8's stack takes about a hundred thousand.
    if (!(error instanceof RangeError)) throw error;
    return { errors: [{ field: "", message: "too many values are wrong to name them" }] };
  }
  if (parsed.success) return { data: parsed.data };
  const [first, ...others] = fieldErrors(parsed.error);
  const named = others.slice(0, MOST_NAMED - 1);
  const left = others.length - named.length;
  const more = left > 0 ? [{ field: "", message: `and ${left} more values are wrong` }] : [];
  return { errors: [first!, ...named, ...more] };
}

/** A field that is wrong, of which zod found this. */
type Issue = z.ZodError["issues"][number];

/** Converts zod's issues to a list of wrong fields, with one entry for each unknown key. */
export function fieldErrors(error: z.ZodError): FieldError[] {
  return error.issues.flatMap((issue) => errorsOf(issue, []));
}

function errorsOf(issue: Issue, parents: readonly string[]): FieldError[] {
  const path = [...parents, ...issue.path.map(String)];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      field: [...path, key].join("."),
      message: "is not a known field",
    }));
  }
  if (issue.code === "invalid_union") {
    const meant = meantOf(issue.errors);
    if (meant) return meant.flatMap((inner) => errorsOf(inner, path));
  }
  return [{ field: path.join("."), message: issue.message }];
}

/** The issues of the one choice of a union that the value is meant to be: only something in it is wrong. */
function meantOf(choices: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const near = choices.filter((issues) =>
    issues.length > 0 && issues.every(({ path }) => path.length > 0)
  );
  return near.length === 1 ? near[0] : undefined;
}
