import type { z } from "zod";
import type { FieldError } from "../errors.ts";

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
