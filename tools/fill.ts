/**
 * Replaces `@NAME@` in a template with values.
 *
 * @throws {Error} if a placeholder has no value
 */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/@([A-Z][A-Z0-9_]*)@/g, (word, name) => {
    const value = values[name];
    if (value === undefined) throw new Error(`The template has a word without a value: ${word}`);
    return value;
  });
}
