import { parseExactJson } from "#shared/exact_json.ts";
import { isRecord } from "#shared/json.ts";

/** The arguments of a call as an object; empty for a call that was cut and is no object yet. */
export function callArguments(text: string): Record<string, unknown> {
  try {
    const value = parseExactJson(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
