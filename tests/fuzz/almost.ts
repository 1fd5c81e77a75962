/**
 * Makes almost valid values of valid ones: fields that are missing, of another type, too large, or
 * that nobody knows.
 *
 * @module
 */
import fc from "fast-check";
import { isRecord } from "#shared/json.ts";

/** Steps to a value within another: names of fields and indexes of lists. */
type Path = readonly (string | number)[];

/** A change of one value. */
type Change =
  | { readonly kind: "delete" }
  | { readonly kind: "replace"; readonly value: unknown }
  | { readonly kind: "repeat"; readonly times: number }
  | { readonly kind: "wrap"; readonly times: number }
  | { readonly kind: "add"; readonly name: string; readonly value: unknown };

const LONG = 100_000;
/** Most characters of a value that was repeated; a body may have fewer. */
const MOST = 12_000_000;

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    ...["", " ", "\u0000", "\ud800", "\u202e", "__proto__", "constructor", "../../etc/passwd"],
    ...["%00", "w0", "none", "auto", "NaN", "-1", "1e999", "\r\ndata: x\r\n\r\n", "<|im_end|>"],
    "a".repeat(LONG),
    "\u{1f600}".repeat(1000),
  ),
);

const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, false, [], {}, [null], [[]], [{}], { type: "object" }),
  fc.constantFrom(0, -0, 1, -1, 1.5, 2 ** 31, 2 ** 32, 2 ** 53, 1e21, 1e308, -1e308, 5e-324),
  fc.double(),
  text,
  fc.jsonValue({ maxDepth: 2 }),
);

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constant<Change>({ kind: "delete" }),
  { weight: 3, arbitrary: value.map((value): Change => ({ kind: "replace", value })) },
  fc.constantFrom(2, 70, 5000).map((times): Change => ({ kind: "repeat", times })),
  fc.constantFrom(1, 3, 500).map((times): Change => ({ kind: "wrap", times })),
  fc.tuple(text, value).map(([name, value]): Change => ({ kind: "add", name, value })),
);

/** One to three changes of a valid value, and seldom none. */
export function almost(valid: unknown): fc.Arbitrary<unknown> {
  const one = fc.tuple(fc.constantFrom(...pathsOf(valid)), change);
  return fc.array(one, { maxLength: 3 }).map((changes) =>
    changes.reduce((now, [path, change]) => changed(now, path, change), valid)
  );
}

/** Texts as almost valid parameters. */
export const almostText = (valid: string): fc.Arbitrary<string> =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(valid) }, text.map((each) => each.slice(0, 5000)));

/** All places of a value, the whole of it too. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  const inner = Array.isArray(value)
    ? value.flatMap((each, index) => pathsOf(each, [...path, index]))
    : isRecord(value)
    ? Object.entries(value).flatMap(([name, each]) => pathsOf(each, [...path, name]))
    : [];
  return [path, ...inner];
}

/** A copy with a change; the same value where an earlier change has taken the place away. */
function changed(value: unknown, path: Path, change: Change): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return changedHere(value, change);
  const isDeleted = rest.length === 0 && change.kind === "delete";
  if (Array.isArray(value) && typeof step === "number") {
    if (step >= value.length) return value;
    return isDeleted
      ? value.toSpliced(step, 1)
      : value.with(step, changed(value[step], rest, change));
  }
  if (!isRecord(value) || !Object.hasOwn(value, step)) return value;
  const { [String(step)]: inner, ...others } = value;
  return isDeleted ? others : { ...value, [step]: changed(inner, rest, change) };
}

function changedHere(value: unknown, change: Change): unknown {
  switch (change.kind) {
    case "delete":
      return undefined;
    case "replace":
      return change.value;
    case "repeat":
      return repeated(value, change.times);
    case "wrap":
      return wrapped(value, change.times);
    case "add":
      return isRecord(value) ? { ...value, [change.name]: change.value } : [value, change.value];
  }
}

function repeated(value: unknown, wanted: number): unknown {
  const size = JSON.stringify(value)?.length ?? 1;
  const times = Math.max(1, Math.min(wanted, Math.floor(MOST / size)));
  if (typeof value === "string") return value.repeat(times);
  if (typeof value === "number") return value * times;
  if (Array.isArray(value)) return Array.from({ length: times }, () => value).flat();
  return Array.from({ length: times }, () => value);
}

function wrapped(value: unknown, times: number): unknown {
  let whole = value;
  for (let n = 0; n < times; n++) whole = n % 2 === 0 ? [whole] : { a: whole };
  return whole;
}
