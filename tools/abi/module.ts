import type { Default } from "./c_program.ts";
import type { AbiType, Fields, Signature } from "./declarations.ts";
import { BY_VALUE } from "./wanted.ts";

/** All that `abi.ts` says, by the names of its exports. */
export interface Abi {
  readonly VERSION: string;
  readonly FIELDS: Readonly<Record<string, Fields>>;
  readonly LLAMA_FUNCTIONS: Readonly<Record<string, Signature>>;
  readonly GGML_FUNCTIONS: Readonly<Record<string, Signature>>;
  readonly MTMD_FUNCTIONS: Readonly<Record<string, Signature>>;
  readonly CONSTANTS: Readonly<Record<string, number>>;
  readonly DEFAULTS: Readonly<Record<string, Readonly<Record<string, Default>>>>;
}

type FunctionLists = "LLAMA_FUNCTIONS" | "GGML_FUNCTIONS" | "MTMD_FUNCTIONS";

/** `abi.ts` as it is imported: structures stand in functions themselves, not by their names. */
export interface AbiModule extends Omit<Abi, FunctionLists> {
  readonly LAYOUTS: Readonly<Record<string, object>>;
  readonly LLAMA_FUNCTIONS: Readonly<Record<string, ModuleSignature>>;
  readonly GGML_FUNCTIONS: Readonly<Record<string, ModuleSignature>>;
  readonly MTMD_FUNCTIONS: Readonly<Record<string, ModuleSignature>>;
}

interface ModuleSignature {
  readonly parameters: readonly ModuleType[];
  readonly result: ModuleType;
}

type ModuleType = Exclude<AbiType, { readonly struct: string }> | object;

/**
 * The text of `abi.ts`, not yet formatted.
 *
 * @param release The release of llama.cpp, e.g. `v0.4.0`.
 */
export function abiModule(abi: Abi, release: string): string {
  return `/**
 * The C interface of llama.cpp ${release}, as far as the engine uses it. Written by \`deno task abi\`
 * from the headers of that version: do not edit.
 *
 * @module
 */

/** Result of \`llama_version\`. */
export const VERSION = ${JSON.stringify(abi.VERSION)};

/** Fields of structures with their types, in the order of C. */
export const FIELDS = ${record(abi.FIELDS, (fields) => record(fields, JSON.stringify))} as const;

/** The same as Deno takes them by value. */
export const LAYOUTS = ${
    record(layouts(abi.FIELDS), (types) => `{ struct: ${JSON.stringify(types)} }`)
  } as const;

/** Functions of libllama. */
export const LLAMA_FUNCTIONS = ${record(abi.LLAMA_FUNCTIONS, signature)} as const;

/** Functions of libggml. */
export const GGML_FUNCTIONS = ${record(abi.GGML_FUNCTIONS, signature)} as const;

/** Functions of libmtmd. */
export const MTMD_FUNCTIONS = ${record(abi.MTMD_FUNCTIONS, signature)} as const;

/** Values of enumerations and macros. */
export const CONSTANTS = ${record(abi.CONSTANTS, String)} as const;

/** Defaults of structures, as their functions return them; null is a null pointer. */
export const DEFAULTS = ${record(abi.DEFAULTS, (values) => record(values, String))} as const;
`;
}

/** Types of structures by value. A boolean is a byte, so that each field can be written as a number. */
function layouts(fields: Readonly<Record<string, Fields>>): Record<string, string[]> {
  return Object.fromEntries(BY_VALUE.map((name) => {
    const types = Object.values(fields[name] ?? {});
    return [name, types.map((type) => type === "bool" ? "u8" : type)];
  }));
}

function signature({ parameters, result }: Signature): string {
  return `{ parameters: [${parameters.map(reference).join(", ")}], result: ${reference(result)} }`;
}

function reference(type: AbiType): string {
  return typeof type === "string" ? JSON.stringify(type) : `LAYOUTS.${type.struct}`;
}

function record<T>(of: Readonly<Record<string, T>>, show: (value: T) => string): string {
  return `{\n${Object.entries(of).map(([name, value]) => `${name}: ${show(value)},\n`).join("")}}`;
}

/** The contents of an imported `abi.ts`. */
export function abiOf(module: AbiModule): Abi {
  const names = new Map(Object.entries(module.LAYOUTS).map(([name, layout]) => [layout, name]));
  const named = (type: ModuleType): AbiType =>
    typeof type === "string" ? type : { struct: names.get(type) ?? "a structure without a name" };
  const functions = (all: Readonly<Record<string, ModuleSignature>>) =>
    Object.fromEntries(
      Object.entries(all).map(([name, { parameters, result }]) => [
        name,
        { parameters: parameters.map(named), result: named(result) },
      ]),
    );
  return {
    VERSION: module.VERSION,
    FIELDS: module.FIELDS,
    LLAMA_FUNCTIONS: functions(module.LLAMA_FUNCTIONS),
    GGML_FUNCTIONS: functions(module.GGML_FUNCTIONS),
    MTMD_FUNCTIONS: functions(module.MTMD_FUNCTIONS),
    CONSTANTS: module.CONSTANTS,
    DEFAULTS: module.DEFAULTS,
  };
}
