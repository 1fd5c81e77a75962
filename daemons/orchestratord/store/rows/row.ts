/** A row as a database returns it: texts, numbers, bytes and nulls by their columns. */
export type Row = Readonly<Record<string, unknown>>;

/** A value of a column. */
export type Value = string | number | null;

/** A text; undefined if it is null. */
export function text(row: Row, name: string): string | undefined {
  return row[name] === null ? undefined : String(row[name]);
}

/** A number; undefined if it is null. */
export function number(row: Row, name: string): number | undefined {
  return row[name] === null ? undefined : Number(row[name]);
}

/** The value of a text in JSON; undefined if it is null, or not in the row. */
// deno-lint-ignore no-explicit-any
export function json(row: Row, name: string): any {
  const value = row[name];
  return typeof value === "string" ? JSON.parse(value) : undefined;
}

/** The value of a column that a change sets: plain values as they are, all others as JSON. */
export function asValue(value: unknown): Value {
  return typeof value === "string" || typeof value === "number" ? value : JSON.stringify(value);
}
