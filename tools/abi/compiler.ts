import { join } from "node:path";
import { runProgram, type RunResult } from "#shared/run_program.ts";
import { type CFacts, cProgram, readFacts } from "./c_program.ts";
import type { Declarations } from "./declarations.ts";

/** Compilers of C: the host's, and one for arm64 on other hosts, with Debian's name. */
const COMPILERS = { host: "cc", arm64: "aarch64-linux-gnu-gcc" };

/** Folders of llama.cpp's headers, in its source. */
export const HEADER_FOLDERS: readonly string[] = ["include", "ggml/include", "tools/mtmd"];

/** Name of the cache that has them. */
export const HEADER_CACHE = "llorch-llama-headers-mtmd";

/** Facts, or differences from the declarations, or why neither is known. */
export type Compiled =
  | { readonly facts: CFacts }
  | { readonly problems: readonly string[] }
  | { readonly why: string };

/**
 * Compiles declarations against the headers that they were read from, links them to libllama, and
 * returns what that says. A compiler for arm64 checks sizes and offsets as well, where there is one; without
 * it, they are the same there, since both platforms have 64-bit pointers and `size_t`, and align each
 * field to its size.
 *
 * @param source llama.cpp's source with {@linkcode HEADER_FOLDERS}.
 * @param library Path of libllama.
 */
export async function compile(
  declarations: Declarations,
  source: string,
  library: string,
): Promise<Compiled> {
  const folder = await Deno.makeTempDir({ prefix: "llorch-abi-" });
  try {
    const program = join(folder, "abi.c");
    await Deno.writeTextFile(program, cProgram(declarations));
    const sources = [
      "-std=c11",
      ...HEADER_FOLDERS.map((each) => `-I${join(source, each)}`),
      program,
    ];
    const executable = join(folder, "abi");
    const linked = await attempt(COMPILERS.host, [
      ...sources,
      ...linking(library),
      "-o",
      executable,
    ]);
    if (linked === undefined) return { why: "no C compiler is installed (cc)" };
    const arm64 = await attempt(COMPILERS.arm64, [...sources, "-fsyntax-only"]);
    const problems = [...errors(linked), ...arm64 === undefined ? [] : errors(arm64, "arm64: ")];
    if (problems.length > 0) return { problems };
    const { code, stdout, stderr } = await runProgram({ command: executable, args: [] });
    if (code !== 0) throw new Error(`Cannot run the program linked to ${library}: ${stderr}`);
    return { facts: readFacts(stdout) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Whether there is a compiler. */
export async function hasCompiler(of: keyof typeof COMPILERS = "host"): Promise<boolean> {
  return await attempt(COMPILERS[of], ["--version"]) !== undefined;
}

function linking(library: string): string[] {
  const folder = join(library, "..");
  // The libraries that libllama needs are beside it; it finds them itself.
  const ofLinux = Deno.build.os === "linux" ? ["-Wl,--allow-shlib-undefined"] : [];
  return [library, `-Wl,-rpath,${folder}`, ...ofLinux];
}

/** Runs a compiler; undefined if there is none of this name. */
async function attempt(command: string, args: readonly string[]): Promise<RunResult | undefined> {
  try {
    return await runProgram({ command, args }, { env: { LC_ALL: "C" } });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Errors of a compiler, without the places in a program that is gone. */
function errors({ code, stderr }: RunResult, prefix = ""): string[] {
  if (code === 0) return [];
  const found = [...stderr.matchAll(/\berror: (?:static assertion failed: )?"?(.*?)"?$/gm)];
  return found.length > 0 ? found.map(([, message]) => prefix + message) : [prefix + stderr];
}
