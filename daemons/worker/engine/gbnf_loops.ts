import { type Gbnf, GbnfError, type GbnfItem, type GbnfRule } from "./gbnf.ts";

/**
 * Where a grammar can go round without reading anything: a rule that begins with itself, or a
 * repetition without end of what may be empty. llama.cpp refuses most of these, and does not say
 * where they are; those that it takes are no harm.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { readGbnf } from "./gbnf.ts";
 * const loop = findLoop(readGbnf('root ::= list\nlist ::= list "," | "x"'));
 * assert.equal(loop?.message, "list: it begins with itself (line 2, column 1)");
 * ```
 */
export function findLoop({ rules }: Gbnf): GbnfError | undefined {
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  const mayBeEmpty = emptyRules([...byName.values()]);
  for (const rule of byName.values()) {
    if (repeatsNothing(rule.choices, mayBeEmpty)) {
      return new GbnfError("it repeats without end what may be empty", rule.name, rule);
    }
  }
  const beginnings = new Map<string, ReadonlySet<string>>();
  for (const { name, choices } of byName.values()) {
    beginnings.set(name, beginningsOf(choices, mayBeEmpty));
  }
  const round = findRound(beginnings);
  if (!round) return undefined;
  const [name, ...others] = round;
  const told = others.length > MOST_TOLD ? [...others.slice(0, MOST_TOLD), "…"] : others;
  const by = told.length === 0 ? "" : `, by way of ${told.join(", ")}`;
  return new GbnfError(`it begins with itself${by}`, name, byName.get(name!)!);
}

/** Rules on the way round that a message names. */
const MOST_TOLD = 5;

type Choices = GbnfRule["choices"];

/** Rules that may read nothing. */
function emptyRules(rules: readonly GbnfRule[]): ReadonlySet<string> {
  const users = new Map<string, GbnfRule[]>();
  for (const rule of rules) {
    for (const name of new Set(rule.references.map((reference) => reference.name))) {
      const known = users.get(name);
      if (known) known.push(rule);
      else users.set(name, [rule]);
    }
  }
  const found = new Set<string>();
  const left = [...rules];
  for (let rule = left.pop(); rule !== undefined; rule = left.pop()) {
    if (found.has(rule.name) || !canBeEmpty(rule.choices, found)) continue;
    found.add(rule.name);
    left.push(...users.get(rule.name) ?? []);
  }
  return found;
}

function canBeEmpty(choices: Choices, empty: ReadonlySet<string>): boolean {
  return choices.some((items) =>
    items.every((item) => item.min === 0 || readsNothing(item, empty))
  );
}

/** Whether an item may read nothing although it stands there. */
function readsNothing(item: GbnfItem, empty: ReadonlySet<string>): boolean {
  if (item.kind === "reference") return empty.has(item.name!);
  return item.kind === "group" ? canBeEmpty(item.choices!, empty) : item.size === 0;
}

function repeatsNothing(choices: Choices, empty: ReadonlySet<string>): boolean {
  return choices.some((items) =>
    items.some((item) =>
      item.max === Infinity && readsNothing(item, empty) ||
      item.kind === "group" && repeatsNothing(item.choices!, empty)
    )
  );
}

/** Rules that may stand before anything is read. */
function beginningsOf(
  choices: Choices,
  empty: ReadonlySet<string>,
  found: Set<string> = new Set(),
): ReadonlySet<string> {
  for (const items of choices) {
    for (const item of items) {
      if (item.kind === "reference") found.add(item.name!);
      else if (item.kind === "group") beginningsOf(item.choices!, empty, found);
      if (item.min > 0 && !readsNothing(item, empty)) break;
    }
  }
  return found;
}

/** Names each of which leads to the next, and the last to the first. */
function findRound(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  for (const start of edges.keys()) {
    // Deeper than the stack could be: rules may be thousands.
    const path: { name: string; next: Iterator<string> }[] = [];
    const onPath = new Set<string>();
    const enter = (name: string) => {
      path.push({ name, next: edges.get(name)![Symbol.iterator]() });
      onPath.add(name);
    };
    if (!done.has(start)) enter(start);
    for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
      const { value: name, done: isOver } = last.next.next();
      if (isOver) {
        path.pop();
        onPath.delete(last.name);
        done.add(last.name);
      } else if (onPath.has(name)) {
        return path.slice(path.findIndex((each) => each.name === name)).map((each) => each.name);
      } else if (!done.has(name)) enter(name);
    }
  }
  return undefined;
}
