import type { Column } from "./table.ts";

/** Cells of the table that are known to fail, by the family's name; a cell that works must not stand here. */
export const KNOWN_FAILURES: Readonly<Record<string, readonly Column[]>> = {};

/** Steps of the service's tests that are known to fail. */
export const KNOWN_STEPS: readonly RegExp[] = [];
