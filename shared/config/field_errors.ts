import type { z } from "zod";
import type { FieldError } from "../errors.ts";

/** Converts zod's issues to a list of wrong fields, with one entry for each unknown key. */
export function fieldErrors(error: z.ZodError): FieldError[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        field: [...path, key].join("."),
        message: "is not a known field",
      }));
    }
    return [{ field: path.join("."), message: issue.message }];
  });
}
