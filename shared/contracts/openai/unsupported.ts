import type { z } from "zod";

/** Unsupported fields that would change the answer, each with a test for values that would not. */
export type Unsupported = Readonly<Record<string, (value: unknown) => boolean>>;

/** For a field without a harmless value; always false. */
export const always = (): boolean => false;

/** Refuses unsupported fields by name; other unknown ones (`user`, `metadata`, …) are ignored. */
export function refuse(unsupported: Unsupported) {
  return (body: Record<string, unknown>, context: z.RefinementCtx): void => {
    for (const [field, isHarmless] of Object.entries(unsupported)) {
      const value = body[field];
      if (value === undefined || value === null || isHarmless(value)) continue;
      context.addIssue({ code: "custom", path: [field], message: "is not supported" });
    }
  };
}

/** For a field that changes nothing with one of these values. */
export const is = (...values: readonly unknown[]) => (value: unknown): boolean =>
  values.includes(value);

/** For a list that changes nothing if it is empty. */
export const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
