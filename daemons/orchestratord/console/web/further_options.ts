/** Sampling options that a person writes in the playground beside the form's own fields. */

/** Fields of a request, or why a text has none. */
export interface FurtherOptions {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly error?: string;
}

/** Fields that the form sets elsewhere, or that would make the answer none that it can show. */
const TAKEN = ["model", "messages", "tools", "stream", "stream_options", "n"];

/** Reads a JSON object; an empty text has no fields. Whether their values are right, the service says. */
export function parseOptions(text: string): FurtherOptions {
  if (text.trim() === "") return { fields: {} };
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch (error) {
    return { fields: {}, error: `Options are not JSON: ${(error as Error).message}` };
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    return { fields: {}, error: 'Options must be a JSON object, such as {"mirostat": 2}' };
  }
  const taken = TAKEN.find((name) => name in (fields as object));
  if (taken !== undefined) return { fields: {}, error: `The option ${taken} is set by the form` };
  return { fields: fields as Record<string, unknown> };
}
