import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { CONSTANTS, GGML_FUNCTIONS, LLAMA_FUNCTIONS } from "./abi.ts";
import { cString, textAt } from "./c_values.ts";
import { FALLBACK, GPU_BACKENDS, isCpuBackend, libraryFiles } from "./library_files.ts";

const FUNCTIONS = {
  ...LLAMA_FUNCTIONS,
  /** In a thread of Deno's pool, since it takes long. */
  llama_sampler_init_dry_aside: {
    ...LLAMA_FUNCTIONS.llama_sampler_init_dry,
    name: "llama_sampler_init_dry",
    nonblocking: true,
  },
} as const;

/** Functions of libllama. */
export type Llama = Deno.DynamicLibrary<typeof FUNCTIONS>["symbols"];
/** Functions of libggml. */
export type Ggml = Deno.DynamicLibrary<typeof GGML_FUNCTIONS>["symbols"];

/** llama.cpp's libraries, open in this process. They stay open: C keeps pointers into them. */
export interface Library {
  readonly llama: Llama;
  readonly ggml: Ggml;
  /** The folder that they were opened from. */
  readonly folder: string;
}

/** A device that computes. */
export interface Device {
  readonly pointer: Deno.PointerValue;
  readonly name: string;
  readonly description: string;
  readonly isGpu: boolean;
}

/**
 * Opens the libraries of a folder by their full paths, those that others need first: what is open
 * already is not looked for along the paths of the loader.
 *
 * @throws {LlorchError} `WORKER_START_FAILED`
 */
export function openLibrary(folder: string): Library {
  const known = opened.get(folder);
  if (known) return known;
  openDependencies(folder);
  const ggml = open(libraryFile(folder, "ggml"), GGML_FUNCTIONS);
  const llama = open(libraryFile(folder, "llama"), FUNCTIONS);
  const library = { llama, ggml, folder };
  opened.set(folder, library);
  return library;
}

/** Libraries that this thread has opened, by their folders. */
const opened = new Map<string, Library>();

/**
 * Opens what libllama is linked to, without a call, and returns libllama's file.
 *
 * @throws {LlorchError} `WORKER_START_FAILED`
 */
export function openDependencies(folder: string): string {
  open(libraryFile(folder, "ggml-base"), {});
  open(libraryFile(folder, "ggml"), {});
  return libraryFile(folder, "llama");
}

/**
 * Loads the backends of a folder: the one for this CPU that is best, and those for GPUs unless only
 * the CPU is to be used. Then starts llama.cpp.
 *
 * @throws {LlorchError} `WORKER_START_FAILED` if none is for this CPU
 */
export function loadBackends({ ggml, llama, folder }: Library, onlyCpu: boolean): void {
  Deno.env.delete("GGML_BACKEND_PATH");
  const files = librariesIn(folder);
  const cpu = bestOf([...files].filter(([name]) => isCpuBackend(name)).map(([, path]) => path));
  if (cpu === undefined) throw failed(`no library in ${folder} computes on this CPU`);
  const load = (path: string) => ggml.ggml_backend_load(cString(path)) !== null;
  for (const name of onlyCpu ? [] : GPU_BACKENDS) {
    const path = files.get(name);
    // Without its driver none can be loaded; then there is no device, which has a message of its own.
    if (path !== undefined) load(path) || load(join(folder, FALLBACK, basename(path)));
  }
  if (!load(cpu)) throw failed(`cannot load ${cpu}`);
  // Without a backend, it would load any that it finds in the current folder, beside the running program, or
  // in the variable.
  llama.llama_backend_init();
}

/** Types of devices that hold layers. */
const GPU_TYPES: readonly number[] = [
  CONSTANTS.GGML_BACKEND_DEVICE_TYPE_GPU,
  CONSTANTS.GGML_BACKEND_DEVICE_TYPE_IGPU,
];

/** The devices of the loaded backends. */
export function devices({ ggml }: Library): Device[] {
  return Array.from({ length: Number(ggml.ggml_backend_dev_count()) }, (_, index) => {
    const pointer = ggml.ggml_backend_dev_get(BigInt(index));
    return {
      pointer,
      name: textAt(ggml.ggml_backend_dev_name(pointer)) ?? "",
      description: textAt(ggml.ggml_backend_dev_description(pointer)) ?? "",
      isGpu: GPU_TYPES.includes(ggml.ggml_backend_dev_type(pointer)),
    };
  });
}

/** Free memory of a device; 0 if it does not say. */
export function freeBytes({ ggml }: Library, device: Deno.PointerValue): number {
  const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)];
  ggml.ggml_backend_dev_memory(device, free, total);
  return Number(free[0]);
}

/** Paths of a folder's libraries, by their names. */
function librariesIn(folder: string): ReadonlyMap<string, string> {
  try {
    const files = libraryFiles(readdirSync(folder));
    return new Map([...files].map(([name, file]) => [name, join(folder, file)]));
  } catch (error) {
    throw failed(`cannot use the libraries in ${folder}: ${errorMessage(error)}`, error);
  }
}

function libraryFile(folder: string, name: string): string {
  const path = librariesIn(folder).get(name);
  if (path === undefined) throw failed(`${folder} has no library ${name}`);
  return path;
}

/** The library whose score for this CPU is the highest; 0 means that it cannot run here. */
function bestOf(paths: readonly string[]): string | undefined {
  let best: { readonly path: string; readonly score: number } | undefined;
  for (const path of paths) {
    const score = scoreOf(path);
    if (score > (best?.score ?? 0)) best = { path, score };
  }
  return best?.path;
}

function scoreOf(path: string): number {
  const library = open(path, {
    ggml_backend_score: { parameters: [], result: "i32", optional: true },
  });
  // A library without a score is the only one of its platform.
  return library.ggml_backend_score?.() ?? 1;
}

function open<S extends Deno.ForeignLibraryInterface>(path: string, symbols: S) {
  try {
    return Deno.dlopen(path, symbols).symbols;
  } catch (error) {
    throw failed(`cannot open ${path}`, error);
  }
}

function failed(reason: string, cause?: unknown): LlorchError {
  return new LlorchError("WORKER_START_FAILED", `Cannot start llama.cpp: ${reason}`, { cause });
}
