import { type FieldType, layoutOf } from "../../daemons/worker/engine/libllama/c/layout.ts";
import { C_TYPES, type Declarations } from "./declarations.ts";
import { DEFAULT_FUNCTIONS } from "./wanted.ts";

/** A default value; null is a null pointer. */
export type Default = number | boolean | null;

/** What the compiler and the library say. */
export interface CFacts {
  /** Result of `llama_version`. */
  readonly version: string;
  readonly constants: Readonly<Record<string, number>>;
  /** Defaults of structures by field, without pointers to something. */
  readonly defaults: Readonly<Record<string, Readonly<Record<string, Default>>>>;
}

/**
 * A program that compiles only if sizes and offsets are as {@linkcode layoutOf} has them, and that prints
 * {@linkcode CFacts} as lines of JSON.
 */
export function cProgram(
  { fields, constants }: Pick<Declarations, "fields" | "constants">,
): string {
  const structs = Object.entries(fields);
  return [
    "#include <stdio.h>",
    '#include "llama.h"',
    '#include "mtmd.h"',
    ...Object.entries(C_TYPES).flatMap(([name, type]) => typeAsserts(name, type)),
    ...structs.flatMap(([name, each]) => structAsserts(name, each)),
    "int main(void) {",
    `  printf("[\\"version\\",\\"%s\\"]\\n", llama_version());`,
    ...constants.map((name) =>
      `  printf("[\\"constant\\",\\"${name}\\",%lld]\\n", (long long) ${name});`
    ),
    ...structs.filter(([name]) => Object.hasOwn(DEFAULT_FUNCTIONS, name))
      .flatMap(([name, each]) => defaultPrints(name, each)),
    "  return 0;",
    "}",
    "",
  ].join("\n");
}

/** Reads what the program printed. */
export function readFacts(output: string): CFacts {
  let version = "";
  const constants: Record<string, number> = {};
  const defaults: Record<string, Record<string, Default>> = {};
  for (const line of output.trim().split("\n")) {
    const [kind, name, ...rest] = JSON.parse(line);
    if (kind === "version") version = name;
    else if (kind === "constant") constants[name] = rest[0];
    else if (rest[1] !== "pointer") (defaults[name] ??= {})[rest[0]] = rest[1];
  }
  return { version, constants, defaults };
}

function typeAsserts(name: string, type: FieldType): string[] {
  const { size } = layoutOf({ value: type });
  const asserts = [assertion(`sizeof(${name}) == ${size}`, `${name} is not of ${size} bytes`)];
  if (/^[iu]/.test(type)) {
    const sign = type.startsWith("i") ? "<" : ">";
    asserts.push(assertion(`(${name}) -1 ${sign} 0`, `${name} is not of type ${type}`));
  }
  return asserts;
}

function structAsserts(struct: string, fields: Readonly<Record<string, FieldType>>): string[] {
  const { size, offsets } = layoutOf(fields);
  const type = `struct ${struct}`;
  return [
    ...Object.entries(fields).flatMap(([name, fieldType]) => {
      const bytes = layoutOf({ value: fieldType }).size;
      const field = `${struct}.${name}`;
      return [
        assertion(
          `offsetof(${type}, ${name}) == ${offsets[name]}`,
          `${field} is not at byte ${offsets[name]}`,
        ),
        assertion(
          `sizeof(((${type} *) 0)->${name}) == ${bytes}`,
          `${field} is not of ${bytes} bytes`,
        ),
      ];
    }),
    assertion(`sizeof(${type}) == ${size}`, `${struct} is not of ${size} bytes`),
  ];
}

function assertion(condition: string, otherwise: string): string {
  return `_Static_assert(${condition}, "${otherwise}");`;
}

function defaultPrints(struct: string, fields: Readonly<Record<string, FieldType>>): string[] {
  return [
    `  struct ${struct} ${struct}_values = ${DEFAULT_FUNCTIONS[struct]}();`,
    ...Object.entries(fields).map(([name, type]) => {
      const [format, value] = printed(type, `${struct}_values.${name}`);
      return `  printf("[\\"default\\",\\"${struct}\\",\\"${name}\\",${format}]\\n", ${value});`;
    }),
  ];
}

/** Format and argument of `printf` for a value, as JSON. */
function printed(type: FieldType, value: string): readonly [format: string, argument: string] {
  switch (type) {
    case "bool":
      return ["%s", `${value} ? "true" : "false"`];
    case "f32":
    case "f64":
      // A float as the double that it is, so that it compares equal to what JavaScript reads.
      return ["%.17g", `(double) ${value}`];
    case "pointer":
      return ["%s", `${value} ? "\\"pointer\\"" : "null"`];
    default:
      return ["%lld", `(long long) ${value}`];
  }
}
