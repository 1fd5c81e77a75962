/** The tools that a person writes in the playground. */

/** A list of tools, or why a text is none. */
export interface Tools {
  readonly list: readonly unknown[];
  readonly error?: string;
}

/** Reads a JSON list of tools; an empty text has none. Whether they are right, the service says. */
export function parseTools(text: string): Tools {
  if (text.trim() === "") return { list: [] };
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? { list } : { list: [], error: "Tools must be a JSON list" };
  } catch (error) {
    return { list: [], error: `Tools are not JSON: ${(error as Error).message}` };
  }
}
