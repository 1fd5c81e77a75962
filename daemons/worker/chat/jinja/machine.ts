import { TemplateError } from "#shared/jinja/errors.ts";
import type { Budget } from "./budget.ts";
import type { Named, Value } from "./values.ts";

/** What filters, tests and methods use of the one that runs a template. */
export interface Machine {
  readonly budget: Budget;
  /** `object.name`; undefined values where there is none. */
  attribute(object: Value, name: string): Value;
  /** `object[key]`; undefined values where there is none. */
  item(object: Value, key: Value): Value;
  filter(name: string, value: Value, args: readonly Value[], named: Named): Value;
  test(name: string, value: Value, args: readonly Value[], named: Named): boolean;
}

/** A function whose arguments have names. */
export interface Native<T> {
  readonly names: readonly string[];
  /** Number of arguments that must be given. */
  readonly least: number;
  run(self: T, args: readonly (Value | undefined)[], machine: Machine): Value;
}

/** @param names the arguments' names, those that must be given marked with `!` */
export function native<T>(names: string, run: Native<T>["run"]): Native<T> {
  const words = names.split(" ").filter((name) => name !== "");
  return {
    names: words.map((name) => name.replace("!", "")),
    least: words.filter((name) => name.endsWith("!")).length,
    run,
  };
}

/** Arguments in the order of a function's names; undefined where none is given. */
export function bound(
  what: string,
  { names, least }: Pick<Native<never>, "names" | "least">,
  args: readonly Value[],
  named: Named,
): (Value | undefined)[] {
  if (args.length > names.length) {
    throw new TemplateError(
      `${what} takes at most ${names.length} arguments (${args.length} given)`,
    );
  }
  const values: (Value | undefined)[] = [...args];
  for (const [name, value] of named) {
    const index = names.indexOf(name);
    if (index === -1) throw new TemplateError(`${what} has no argument '${name}'`);
    if (index < args.length) throw new TemplateError(`${what} got two values for '${name}'`);
    values[index] = value;
  }
  for (let index = 0; index < least; index++) {
    if (values[index] === undefined) throw new TemplateError(`${what} misses '${names[index]}'`);
  }
  return values;
}
