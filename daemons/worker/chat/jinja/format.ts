/**
 * Python's two ways to format: `"%s" % x` and `"{}".format(x)`.
 *
 * @module
 */
import { TemplateError } from "#shared/jinja/errors.ts";
import type { Budget } from "./budget.ts";
import { floatText, repr, str } from "./text.ts";
import {
  Dict,
  ExactFloat,
  integer,
  type Named,
  numeric,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";

const PERCENT = /%(?:\(([^)]*)\))?([#0\- +]*)(\*|\d+)?(?:\.(\*|\d+))?[hlL]?([^])?/g;

/** `template % value` */
export function percentFormat(template: string, value: Value, budget: Budget): string {
  budget.read(template.length);
  const args = value instanceof Tuple ? value.items : [value];
  let used = 0;
  const next = () => {
    if (used >= args.length) throw new TemplateError("not enough arguments for format string");
    return args[used++]!;
  };
  let length = template.length;
  const formatted = template.replace(PERCENT, (_, key, flags: string, width, precision, type) => {
    if (type === "%") return "%";
    const number = (text: string | undefined) => text === "*" ? integer(next()) : Number(text ?? 0);
    const least = number(width);
    const digits = precision === undefined ? undefined : number(precision);
    budget.step(8);
    const item = key === undefined ? next() : keyed(value, key);
    const written = percent(item, flags, least, digits, type, budget);
    length += written.length;
    budget.write(written.length);
    budget.fits(length);
    return written;
  });
  if (used < args.length && !(value instanceof Dict)) {
    throw new TemplateError("not all arguments converted during string formatting");
  }
  return formatted;
}

function keyed(value: Value, key: string): Value {
  if (!(value instanceof Dict)) throw new TemplateError("format requires a mapping");
  const item = value.get(key);
  if (item === undefined) throw new TemplateError(`KeyError: '${key}'`);
  return item;
}

function percent(
  value: Value,
  flags: string,
  width: number,
  precision: number | undefined,
  type: string | undefined,
  budget: Budget,
): string {
  const sign = flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const padding = flags.includes("-") ? "<" : flags.includes("0") && type !== "s" ? "0=" : ">";
  const spec = { width, sign, alternate: flags.includes("#"), grouping: "", ...aligned(padding) };
  switch (type) {
    case "s":
    case "r":
    case "a": {
      const text = type === "s" ? str(value, budget) : repr(value, budget);
      return padded("", precision === undefined ? text : text.slice(0, precision), spec, budget);
    }
    case "c":
      return padded("", typeof value === "string" ? value : character(value), spec, budget);
    case "d":
    case "i":
    case "u":
    case "x":
    case "X":
    case "o": {
      const number = numeric(value);
      if (number === undefined) {
        throw new TemplateError(
          `%${type} format: a real number is required, not ${typeName(value)}`,
        );
      }
      const whole = typeof number === "bigint" ? number : BigInt(Math.trunc(number));
      return formatNumber(
        whole,
        { ...spec, precision, type: /[xXo]/.test(type) ? type : "d" },
        budget,
      );
    }
    case "e":
    case "E":
    case "f":
    case "F":
    case "g":
    case "G":
      return formatNumber(
        Number(needed(value)),
        { ...spec, precision: precision ?? 6, type },
        budget,
      );
  }
  throw new TemplateError(`unsupported format character '${type ?? ""}'`);
}

function needed(value: Value): bigint | number {
  const number = numeric(value);
  if (number === undefined) throw new TemplateError(`must be real number, not ${typeName(value)}`);
  return number;
}

function character(value: Value): string {
  const code = integer(value);
  if (code < 0 || code > 0x10ffff) throw new TemplateError("%c arg not in range(0x110000)");
  return String.fromCodePoint(code);
}

function aligned(padding: string): { fill: string; align: string } {
  return padding.length === 2
    ? { fill: padding.charAt(0), align: padding.charAt(1) }
    : { fill: " ", align: padding };
}

/** How a value is written: a replacement field's part after the colon. */
interface Spec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly alternate: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision?: number | undefined;
  readonly type?: string | undefined;
}

const SPEC = /^(?:(.)?([<>=^]))?([+\- ])?z?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/su;

/** Resolves the name of a replacement field and its members. */
export interface Lookup {
  attribute(object: Value, name: string): Value;
  item(object: Value, key: Value): Value;
}

/** `template.format(*args, **named)` */
export function braceFormat(
  template: string,
  args: readonly Value[],
  named: Named,
  lookup: Lookup,
  budget: Budget,
): string {
  let automatic = 0;
  const format = (text: string, level: number): string => {
    if (level > 2) throw new TemplateError("Max string recursion exceeded");
    let result = "";
    for (let at = 0; at < text.length;) {
      const brace = text.slice(at).search(/[{}]/);
      if (brace === -1) return result + text.slice(at);
      result += text.slice(at, at + brace);
      at += brace;
      const open = text.charAt(at);
      if (text.charAt(at + 1) === open) {
        result += open;
        at += 2;
        continue;
      }
      if (open === "}") throw new TemplateError("Single '}' encountered in format string");
      const end = closing(text, at);
      result += replacement(text.slice(at + 1, end), level);
      budget.fits(result.length);
      at = end + 1;
    }
    return result;
  };
  const replacement = (field: string, level: number): string => {
    budget.read(template.length);
    const [, name = "", conversion, spec = ""] = /^([^!:]*)(?:!(.))?(?::([^]*))?$/.exec(field) ??
      fail();
    const [, first = "", rest = ""] = /^([^.[]*)([^]*)$/.exec(name) ?? [];
    const key = first === "" ? String(automatic++) : first;
    let value = /^\d+$/.test(key) ? args[Number(key)] : named.get(key);
    if (value === undefined) {
      throw new TemplateError(
        /^\d+$/.test(key) ? `Replacement index ${key} out of range` : `KeyError: '${key}'`,
      );
    }
    for (const [, attribute, item] of rest.matchAll(/\.([^.[]+)|\[([^\]]+)\]/g)) {
      value = attribute !== undefined
        ? lookup.attribute(value, attribute)
        : lookup.item(value, /^\d+$/.test(item!) ? BigInt(item!) : item!);
    }
    if (conversion) value = conversion === "s" ? str(value, budget) : repr(value, budget);
    const written = formatValue(value, format(spec, level + 1), budget);
    budget.write(written.length);
    return written;
  };
  return format(template, 0);
}

function fail(): never {
  throw new TemplateError("Cannot read the replacement field of a format string");
}

function closing(text: string, start: number): number {
  let open = 0;
  for (let at = start; at < text.length; at++) {
    if (text.charAt(at) === "{") open++;
    if (text.charAt(at) === "}" && --open === 0) return at;
  }
  throw new TemplateError("expected '}' before end of string");
}

function formatValue(value: Value, text: string, budget: Budget): string {
  if (text === "") return str(value, budget);
  const found = SPEC.exec(text);
  if (!found) throw new TemplateError(`Invalid format specifier '${text}'`);
  const [, fill, align, sign = "", alternate, zero, width, grouping = "", precision, type] = found;
  const isText = typeof value === "string" || value instanceof Undefined;
  const spec: Spec = {
    fill: fill ?? (zero && !align ? "0" : " "),
    align: align ?? (isText ? "<" : zero ? "=" : ">"),
    sign,
    alternate: alternate !== undefined,
    width: Number(width ?? 0),
    grouping,
    precision: precision === undefined ? undefined : Number(precision),
    type,
  };
  if (typeof value === "string") {
    if (type !== undefined && type !== "s") {
      throw new TemplateError(`Unknown format code '${type}' for object of type 'str'`);
    }
    return padded("", [...value].slice(0, spec.precision).join(""), spec, budget);
  }
  if (type === "c") return padded("", character(value), spec, budget);
  const number = numeric(value);
  if (number === undefined) {
    throw new TemplateError(`unsupported format string passed to ${typeName(value)}.__format__`);
  }
  if (value instanceof ExactFloat && type === undefined) {
    return padded("", value.text, spec, budget);
  }
  return formatNumber(number, spec, budget);
}

function formatNumber(value: bigint | number, spec: Spec, budget: Budget): string {
  const { type, precision, alternate, grouping } = spec;
  const isFloat = typeof value === "number" || type !== undefined && /[eEfFgG%]/.test(type);
  const isNegative = value < 0 || Object.is(value, -0);
  const sign = isNegative ? "-" : spec.sign === "-" ? "" : spec.sign;
  let prefix = "";
  let digits: string;
  if (isFloat) digits = floatDigits(Math.abs(Number(value)), type, precision, alternate);
  else {
    const size = value < 0 ? -BigInt(value) : BigInt(value);
    const radix = RADIX.get(type ?? "d");
    if (radix === undefined) {
      throw new TemplateError(`Unknown format code '${type}' for object of type 'int'`);
    }
    digits = size.toString(radix);
    if (precision !== undefined && precision > digits.length) {
      budget.write(precision);
      digits = digits.padStart(precision, "0");
    }
    if (type === "X") digits = digits.toUpperCase();
    if (alternate && radix !== 10) prefix = `0${type}`;
  }
  if (grouping) {
    const [whole = "", ...rest] = digits.split(/(?=[.eE%])/);
    digits = whole.replace(/\B(?=(\d{3})+$)/g, grouping) + rest.join("");
  }
  return padded(sign + prefix, digits, spec, budget);
}

const RADIX: ReadonlyMap<string, number> = new Map([
  ["d", 10],
  ["n", 10],
  ["b", 2],
  ["o", 8],
  ["x", 16],
  ["X", 16],
]);

/** Most digits after the point. */
const MOST_DIGITS = 100;

function floatDigits(
  value: number,
  type: string | undefined,
  wanted: number | undefined,
  alternate: boolean,
): string {
  if (!Number.isFinite(value)) return floatText(value);
  if (type === undefined && wanted === undefined) return floatText(value);
  const precision = wanted ?? 6;
  if (precision > MOST_DIGITS) throw new TemplateError(`More than ${MOST_DIGITS} digits`);
  switch (type?.toLowerCase()) {
    case "f":
      return fixed(value, precision);
    case "%":
      return `${fixed(value * 100, precision)}%`;
    case "e":
      return cased(exponential(value, precision), type!);
    case "g":
    case "n":
    case undefined: {
      const significant = Math.max(precision, 1);
      const exponent = Number(exponential(value, significant - 1).split("e")[1]);
      const isFixed = exponent >= -4 && exponent < significant;
      const text = isFixed
        ? fixed(value, significant - 1 - exponent)
        : exponential(value, significant - 1);
      const [digits = "", power] = text.split("e");
      const short = alternate || !digits.includes(".") ? digits : digits.replace(/\.?0+$/, "");
      const shown = type === undefined && power === undefined && !short.includes(".")
        ? `${short}.0`
        : short;
      return cased(power === undefined ? shown : `${shown}e${power}`, type ?? "g");
    }
  }
  throw new TemplateError(`Unknown format code '${type}' for object of type 'float'`);
}

function cased(text: string, type: string): string {
  return type === type.toUpperCase() ? text.toUpperCase() : text;
}

function fixed(value: number, precision: number): string {
  if (value >= 1e21) {
    return BigInt(value).toString() + (precision > 0 ? `.${"0".repeat(precision)}` : "");
  }
  return value.toFixed(precision);
}

function exponential(value: number, precision: number): string {
  return value.toExponential(precision).replace(/e([+-])(\d)$/, "e$10$2");
}

function padded(sign: string, text: string, spec: Spec, budget: Budget): string {
  const missing = spec.width - [...(sign + text)].length;
  if (missing <= 0) return sign + text;
  budget.write(missing);
  const fill = (count: number) => spec.fill.repeat(count);
  switch (spec.align) {
    case "<":
      return sign + text + fill(missing);
    case "=":
      return sign + fill(missing) + text;
    case "^":
      return fill(Math.floor(missing / 2)) + sign + text + fill(Math.ceil(missing / 2));
  }
  return fill(missing) + sign + text;
}
