/**
 * Checks that llama.cpp's libraries have the interface that `abi.ts` declares. Deno's FFI takes all
 * sizes from our declarations: a function with other parameters, or a structure with other fields,
 * would read and write memory that is not its own.
 *
 * @module
 */
import { dirname } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { DEFAULTS, FIELDS, LAYOUTS, VERSION } from "./abi.ts";
import { type FieldType, layoutOf } from "./layout.ts";

/** A structure whose defaults a function returns. */
export type ParamsStruct = keyof typeof DEFAULTS;

/** A structure that a function returns in memory. */
export type ReturnedStruct = ParamsStruct | "mtmd_context_params";

/** Functions that return the defaults. Both structures are returned in memory, not in registers. */
const DEFAULT_FUNCTIONS: Readonly<Record<ParamsStruct, string>> = {
  llama_model_params: "llama_model_default_params",
  llama_context_params: "llama_context_default_params",
};

/** Bytes behind a structure of ours that a longer one of C's may write. */
export const TAIL_BYTES = 64;

/** A default value; null is a null pointer. A boolean whose byte is neither 0 nor 1 is a number. */
type Value = number | bigint | boolean | null;

/** Answers of an open library, which may be another version's. */
export interface AbiProbe {
  /** Result of `llama_version`; undefined if there is no such function. */
  version(): string | undefined;
  /** The bytes of a structure's defaults and {@linkcode TAIL_BYTES} behind them. */
  defaults(struct: ParamsStruct): Uint8Array;
  /** Value of the bytes that C did not write. */
  readonly unwritten: number;
  close(): void;
}

/** Options of {@linkcode checkAbi}. */
export interface AbiCheckOptions {
  readonly open?: (path: string) => AbiProbe;
}

/**
 * Checks the libraries before the first call that depends on a structure: the version, then the defaults of
 * structures.
 *
 * @param path libllama's file.
 * @throws {LlorchError} `WORKER_START_FAILED` that says which version is wanted, and what is different
 */
export function checkAbi(path: string, { open = openProbe }: AbiCheckOptions = {}): void {
  const folder = dirname(path);
  const problem = problemOf(path, open);
  if (problem === undefined) return;
  const message =
    `Cannot use llama.cpp in ${folder}: ${problem}; install the libraries of version ${VERSION}`;
  throw new LlorchError("WORKER_START_FAILED", message);
}

/** What is different from `abi.ts` in an open library; undefined if nothing is. */
export function abiProblem(probe: AbiProbe): string | undefined {
  const version = probe.version();
  if (version === undefined) return "it does not say its version";
  if (version !== VERSION) return `its version is ${version} instead of ${VERSION}`;
  for (const struct of Object.keys(DEFAULT_FUNCTIONS) as ParamsStruct[]) {
    const reason = structProblem(struct, probe.defaults(struct), probe.unwritten, DEFAULTS[struct]);
    if (reason !== undefined) return `it says that it is version ${version}, but ${reason}`;
  }
  return undefined;
}

/**
 * What is different in the defaults of a structure from what is declared; undefined if nothing is.
 *
 * @param bytes Those of the structure, and {@linkcode TAIL_BYTES} behind them.
 */
export function structProblem(
  struct: ReturnedStruct,
  bytes: Uint8Array,
  unwritten: number,
  defaults: Readonly<Record<string, Value>>,
): string | undefined {
  const fields: Readonly<Record<string, FieldType>> = FIELDS[struct];
  const { size, offsets } = layoutOf(fields);
  if (bytes.length !== size + TAIL_BYTES) {
    return `${struct} came back as ${bytes.length} bytes instead of ${size + TAIL_BYTES}`;
  }
  if (bytes.subarray(size).some((byte) => byte !== unwritten)) {
    return `${struct} is longer than ${size} bytes`;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [name, wanted] of Object.entries(defaults)) {
    const found = valueAt(view, offsets[name]!, fields[name]!);
    if (found !== wanted) {
      return `the default of ${struct}.${name} is ${found} instead of ${wanted}`;
    }
  }
  return undefined;
}

function valueAt(view: DataView, at: number, type: FieldType): Value {
  switch (type) {
    case "u8":
      return view.getUint8(at);
    case "bool": {
      const byte = view.getUint8(at);
      return byte > 1 ? byte : byte === 1;
    }
    case "i32":
      return view.getInt32(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "f32":
      return view.getFloat32(at, true);
    case "f64":
      return view.getFloat64(at, true);
    case "i64":
      return asNumber(view.getBigInt64(at, true));
    case "u64":
    case "usize":
      return asNumber(view.getBigUint64(at, true));
    case "pointer": {
      const address = view.getBigUint64(at, true);
      return address === 0n ? null : address;
    }
  }
}

/** A number where it is exact, as `abi.ts` has it. */
function asNumber(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function problemOf(path: string, open: (path: string) => AbiProbe): string | undefined {
  try {
    const probe = open(path);
    try {
      return abiProblem(probe);
    } finally {
      probe.close();
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Bytes that stand for "not written" where we can choose them; no default value has them. */
const FILL = 0xa5;

/**
 * Opens libllama with the declarations of this check alone. C returns these structures in memory of
 * the caller, whose address it gets as a hidden argument.
 *
 * On x86-64 that address travels as if it was the first parameter, and comes back as the result. So we
 * hand over bytes of our own, filled with {@linkcode FILL}: every byte behind our structure that C
 * writes shows, and every field of ours that it does not write shows as a wrong default.
 *
 * On arm64 the address has a register of its own, which only a declared structure sets. Deno then hands
 * C the zeroed array that it returns to us. Only bytes other than zero show there: a structure with a new
 * last field whose default is zero is not detected, nor one without our last fields. The hashes and the
 * version are what guards against those.
 *
 * A field that C has put into padding of ours is detected nowhere. It does no harm, as long as structures
 * are made from the bytes of their defaults.
 *
 * A structure that has grown by more than {@linkcode TAIL_BYTES} writes behind our memory before it is
 * detected. Therefore the version is compared first.
 *
 * @throws {Error} if the library cannot be opened, or returns its defaults in another way
 */
export function openProbe(path: string, isX64 = Deno.build.arch === "x86_64"): AbiProbe {
  const library = Deno.dlopen(path, {
    llama_version: { parameters: [], result: "pointer", optional: true },
  });
  return {
    version() {
      const text = library.symbols.llama_version?.() ?? null;
      return text === null ? undefined : Deno.UnsafePointerView.getCString(text);
    },
    defaults: (struct) => openStructProbe(path, struct, DEFAULT_FUNCTIONS[struct], isX64).bytes,
    unwritten: isX64 ? FILL : 0,
    close: () => library.close(),
  };
}

/**
 * The bytes of a structure that a function without parameters returns, with those behind it, and the value of
 * those that C did not write.
 *
 * @throws {Error} as {@linkcode openProbe}
 */
export function openStructProbe(
  path: string,
  struct: ReturnedStruct,
  name: string,
  isX64 = Deno.build.arch === "x86_64",
): { readonly bytes: Uint8Array; readonly unwritten: number } {
  const bytes = isX64 ? writtenDefaults(path, struct, name) : returnedDefaults(path, struct, name);
  return { bytes, unwritten: isX64 ? FILL : 0 };
}

/** Defaults in memory of ours, on x86-64. */
function writtenDefaults(path: string, struct: ReturnedStruct, name: string): Uint8Array {
  const bytes = new Uint8Array(layoutOf(FIELDS[struct]).size + TAIL_BYTES).fill(FILL);
  const library = Deno.dlopen(path, {
    defaults: { name, parameters: ["buffer"], result: "pointer" },
  });
  try {
    const address = library.symbols.defaults(bytes);
    if (!Deno.UnsafePointer.equals(address, Deno.UnsafePointer.of(bytes))) {
      throw new Error(`${name} does not return its structure in memory`);
    }
    return bytes;
  } finally {
    library.close();
  }
}

/** Defaults in memory of Deno's, elsewhere. */
function returnedDefaults(path: string, struct: ReturnedStruct, name: string): Uint8Array {
  const tail = Array.from({ length: TAIL_BYTES / 8 }, () => "u64" as const);
  const library = Deno.dlopen(path, {
    defaults: { name, parameters: [], result: { struct: [...LAYOUTS[struct].struct, ...tail] } },
  });
  try {
    return library.symbols.defaults();
  } finally {
    library.close();
  }
}
