import { isExactNumber } from "./exact_json.ts";

/** Whether a JSON value has objects or lists in each other on more than `most` levels. */
export function hasMoreLevels(value: unknown, most: number): boolean {
  let level = isNesting(value) ? [value] : [];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > most) return true;
    const next: object[] = [];
    for (const each of level) {
      for (const inner of Array.isArray(each) ? each : Object.values(each)) {
        if (isNesting(inner)) next.push(inner);
      }
    }
    level = next;
  }
  return false;
}

function isNesting(value: unknown): value is object {
  return typeof value === "object" && value !== null && !isExactNumber(value);
}
