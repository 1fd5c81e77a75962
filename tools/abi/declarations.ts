import type { FieldType } from "../../daemons/worker/engine/libllama/c/layout.ts";
import {
  BY_VALUE,
  ENUM_VALUES,
  ENUMS,
  GGML_FUNCTIONS,
  LLAMA_FUNCTIONS,
  MACRO_PREFIXES,
  MTMD_FUNCTIONS,
  MTMD_STRUCTS,
  STRUCTS,
} from "./wanted.ts";

/** Texts of the headers that declare what is wanted. */
export interface Headers {
  /** `llama.h`. */
  readonly llama: string;
  /** `ggml.h`. */
  readonly ggml: string;
  /** `ggml-backend.h`. */
  readonly backend: string;
  /** `mtmd.h`. */
  readonly mtmd: string;
}

/** A structure by value, by its name. */
export interface ByValue {
  readonly struct: string;
}

/** Type of a parameter or result. A `buffer` is a pointer to memory of ours. */
export type AbiType = FieldType | "void" | "buffer" | ByValue;

/** A function of C, as Deno's FFI declares it. */
export interface Signature {
  readonly parameters: readonly AbiType[];
  readonly result: AbiType;
}

/** Fields of a structure with their types, in the order of C. */
export type Fields = Readonly<Record<string, FieldType>>;

/** What headers declare. */
export interface Declarations {
  readonly fields: Readonly<Record<string, Fields>>;
  readonly llama: Readonly<Record<string, Signature>>;
  readonly ggml: Readonly<Record<string, Signature>>;
  readonly mtmd: Readonly<Record<string, Signature>>;
  /** Names of constants. */
  readonly constants: readonly string[];
}

/** Types of C by name. The compiler checks their sizes and signs: {@linkcode cProgram}. */
export const C_TYPES: Readonly<Record<string, FieldType>> = {
  bool: "bool",
  double: "f64",
  float: "f32",
  int: "i32",
  int32_t: "i32",
  int64_t: "i64",
  size_t: "usize",
  uint32_t: "u32",
  uint64_t: "u64",
  uint8_t: "u8",
  ggml_abort_callback: "pointer",
  ggml_abort_callback_t: "pointer",
  ggml_backend_buffer_type_t: "pointer",
  ggml_backend_dev_t: "pointer",
  ggml_backend_reg_t: "pointer",
  ggml_backend_sched_eval_callback: "pointer",
  ggml_log_callback: "pointer",
  llama_memory_t: "pointer",
  llama_pos: "i32",
  llama_progress_callback: "pointer",
  llama_seq_id: "i32",
  llama_state_seq_flags: "u32",
  llama_token: "i32",
  mtmd_progress_callback: "pointer",
};

/** Types that only pointers to memory of ours have. */
const POINTED_TO: readonly string[] = ["char", "unsigned char", "int8_t"];

/**
 * Reads the wanted declarations from headers.
 *
 * @throws {Error} if one is missing, or has a type that is not known here
 */
export function declarationsOf(headers: Headers): Declarations {
  const llama = withoutComments(headers.llama);
  const ggml = [headers.ggml, headers.backend].map(withoutComments).join("\n");
  const mtmd = withoutComments(headers.mtmd);
  const signatures = (text: string, api: string, names: readonly string[]) =>
    byName(names, (name) => signatureOf(text, api, name));
  return {
    fields: {
      ...byName(STRUCTS, (name) => fieldsOf(llama, name)),
      ...byName(MTMD_STRUCTS, (name) => fieldsOf(mtmd, name)),
    },
    llama: signatures(llama, "LLAMA_API", LLAMA_FUNCTIONS),
    ggml: signatures(ggml, "GGML_API", GGML_FUNCTIONS),
    mtmd: signatures(mtmd, "MTMD_API", MTMD_FUNCTIONS),
    constants: [
      ...enumValues([llama, ggml, mtmd].join("\n")),
      ...ENUM_VALUES,
      ...macros(llama),
    ],
  };
}

/** A header's text without its comments. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*.*?\*\//gs, "").replaceAll(/\/\/[^\n]*/g, "");
}

/** Fields of a structure in a header without comments. */
export function fieldsOf(text: string, name: string): Fields {
  const [, body] = new RegExp(`\\bstruct\\s+${name}\\s*\\{([^{}]*)\\}`).exec(text) ?? [];
  if (body === undefined) throw new Error(`The headers have no struct ${name}`);
  const fields: Record<string, FieldType> = {};
  for (const declaration of body.split(";").filter((each) => each.trim() !== "")) {
    const { type, name: field } = typedName(declaration, name);
    fields[field] = fieldType(type, name);
  }
  return fields;
}

/**
 * Signature of a function in a header without comments.
 *
 * @param api The macro that stands before the functions of the header, e.g. `LLAMA_API`.
 */
export function signatureOf(text: string, api: string, name: string): Signature {
  const pattern = new RegExp(`\\b${api}\\s+([\\w\\s*]*?)\\b${name}\\s*\\(([^()]*)\\)\\s*;`);
  const [, result, list] = pattern.exec(text) ?? [];
  if (result === undefined || list === undefined) {
    throw new Error(`The headers have no function ${name}`);
  }
  const isEmpty = /^\s*(void)?\s*$/.test(list);
  const parameters = isEmpty ? [] : list.split(",").map((each) => typedName(each, name).type);
  return {
    parameters: parameters.map((type) => parameterType(type, name)),
    result: valueType(result, name),
  };
}

/** A declaration such as `const char * path`, in two parts. */
function typedName(
  declaration: string,
  of: string,
): { readonly type: string; readonly name: string } {
  const [, type, name] = /^\s*(.*[\s*])(\w+)\s*$/s.exec(declaration) ?? [];
  if (type === undefined || name === undefined) {
    throw new Error(`Cannot read "${declaration.trim()}" of ${of}`);
  }
  return { type, name };
}

function parameterType(type: string, of: string): AbiType {
  const base = baseOf(type);
  const stars = starsOf(type);
  const isData = stars > 1 || STRUCTS.includes(base) || MTMD_STRUCTS.includes(base) ||
    POINTED_TO.includes(base) ||
    Object.hasOwn(C_TYPES, base);
  return stars > 0 && isData ? "buffer" : valueType(type, of);
}

function valueType(type: string, of: string): AbiType {
  const base = baseOf(type);
  if (starsOf(type) > 0) return "pointer";
  if (base === "void") return "void";
  return BY_VALUE.includes(base) ? { struct: base } : fieldType(type, of);
}

function fieldType(type: string, of: string): FieldType {
  if (starsOf(type) > 0) return "pointer";
  // All values of the enumerations fit: the compiler checks their sizes.
  if (/\benum\b/.test(type)) return "i32";
  const base = baseOf(type);
  if (!Object.hasOwn(C_TYPES, base)) throw new Error(`The type "${base}" of ${of} is not known`);
  return C_TYPES[base]!;
}

function baseOf(type: string): string {
  return type.replaceAll(/\b(const|struct)\b|\*/g, " ").replaceAll(/\s+/g, " ").trim();
}

function starsOf(type: string): number {
  return type.split("*").length - 1;
}

function enumValues(text: string): string[] {
  return ENUMS.flatMap((name) => {
    const [, body] = new RegExp(`\\benum\\s+${name}\\s*\\{([^}]*)\\}`).exec(text) ?? [];
    if (body === undefined) throw new Error(`The headers have no enum ${name}`);
    return body.split(",").map((each) => each.split("=")[0]!.trim()).filter((each) => each !== "");
  });
}

function macros(text: string): string[] {
  return MACRO_PREFIXES.flatMap((prefix) =>
    [...text.matchAll(new RegExp(`^\\s*#define\\s+(${prefix}\\w+)\\s+\\S`, "gm"))]
      .map(([, name]) => name!)
  );
}

function byName<T>(names: readonly string[], of: (name: string) => T): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, of(name)]));
}
