/**
 * How filters read and round numbers.
 *
 * @module
 */
import { TemplateError } from "#shared/jinja/errors.ts";
import type { Budget } from "./budget.ts";
import { strip } from "./strings.ts";
import { numeric, typeName, Undefined, type Value } from "./values.ts";

/** Reads an integer as `int` does: `fallback` if the value is none. */
export function toInteger(value: Value, fallback: Value, base: number, budget: Budget): Value {
  if (value instanceof Undefined) value.fail();
  if (typeof value === "string") {
    const found = base === 10 ? integerText(value) : inBase(value, base);
    if (found !== undefined) return budget.integer(found);
    const float = floatOf(value);
    return float === undefined || !Number.isFinite(float) ? fallback : BigInt(Math.trunc(float));
  }
  const number = numeric(value);
  if (number === undefined) return fallback;
  if (typeof number === "bigint") return number;
  return Number.isFinite(number) ? BigInt(Math.trunc(number)) : fallback;
}

function integerText(value: string): bigint | undefined {
  const digits = strip(value, undefined, "both");
  return /^[+-]?\d+(?:_\d+)*$/.test(digits) && digits.length <= 1_000
    ? BigInt(digits.replace("+", "").replaceAll("_", ""))
    : undefined;
}

function inBase(value: string, base: number): bigint | undefined {
  const prefix = PREFIXES.get(base) ?? "";
  const [, sign = "", digits = ""] =
    new RegExp(`^([+-]?)(?:${prefix})?([\\da-z]+)$`, "i").exec(strip(value, undefined, "both")) ??
      [];
  if (digits === "" || digits.length > 1_000) return undefined;
  let number = 0n;
  for (const digit of digits) {
    const size = parseInt(digit, 36);
    if (size >= base) return undefined;
    number = number * BigInt(base) + BigInt(size);
  }
  return sign === "-" ? -number : number;
}

const PREFIXES: ReadonlyMap<number, string> = new Map([[2, "0b"], [8, "0o"], [16, "0x"]]);

/** Reads a number as `float` does; undefined if the value is none. */
export function floatOf(value: Value): number | undefined {
  if (value instanceof Undefined) value.fail();
  if (typeof value !== "string") {
    const number = numeric(value);
    return number === undefined ? undefined : Number(number);
  }
  const found = strip(value, undefined, "both").toLowerCase();
  const named = /^([+-]?)(inf(?:inity)?|nan)$/.exec(found);
  if (named) return (named[1] === "-" ? -1 : 1) * (named[2] === "nan" ? NaN : Infinity);
  const isFloat = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+)?$/.test(
    found,
  );
  return isFloat ? Number(found.replaceAll("_", "")) : undefined;
}

/** Rounds as `round` does: a tie goes to the even digit. */
export function round(value: Value, precision: number, method: string): Value {
  const number = numeric(value);
  if (number === undefined) throw new TemplateError(`type ${typeName(value)} cannot be rounded`);
  if (method === "ceil" || method === "floor") {
    const scale = 10 ** precision;
    return Math[method](Number(number) * scale) / scale;
  }
  if (method !== "common") throw new TemplateError("method must be common, ceil or floor");
  if (typeof number === "bigint") return number;
  if (!Number.isFinite(number) || precision > 30) return number;
  if (precision < 0) return Math.round(number / 10 ** -precision) * 10 ** -precision;
  if (Math.abs(number) >= 1e21) return number;
  const digits = number.toFixed(Math.min(precision + 60, 100));
  const kept = digits.length - Math.min(precision + 60, 100) + precision;
  // A tie goes to the even digit; toFixed takes the larger one.
  const isTie = /^50*$/.test(digits.slice(kept));
  const cut = digits.slice(0, kept);
  const isEven = /[02468]\.?$/.test(cut);
  return isTie && isEven ? Number(cut) : Number(number.toFixed(precision));
}
