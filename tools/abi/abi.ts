import { join } from "node:path";
import { compile } from "./compiler.ts";
import { declarationsOf } from "./declarations.ts";
import type { Abi } from "./module.ts";

/** The interface, or what is wrong with it, or why it cannot be known here. */
export type AbiResult =
  | { readonly abi: Abi }
  | { readonly problems: readonly string[] }
  | { readonly why: string };

/**
 * Reads the interface from headers, and from the library that was made with them.
 *
 * @param source llama.cpp's source with its headers.
 * @param library Path of libllama.
 */
export async function readAbi(source: string, library: string): Promise<AbiResult> {
  const header = (path: string) => Deno.readTextFile(join(source, path));
  const declarations = declarationsOf({
    llama: await header("include/llama.h"),
    ggml: await header("ggml/include/ggml.h"),
    backend: await header("ggml/include/ggml-backend.h"),
    mtmd: await header("tools/mtmd/mtmd.h"),
  });
  const compiled = await compile(declarations, source, library);
  if (!("facts" in compiled)) return compiled;
  const { version, constants, defaults } = compiled.facts;
  return {
    abi: {
      VERSION: version,
      FIELDS: declarations.fields,
      LLAMA_FUNCTIONS: declarations.llama,
      GGML_FUNCTIONS: declarations.ggml,
      MTMD_FUNCTIONS: declarations.mtmd,
      CONSTANTS: constants,
      DEFAULTS: defaults,
    },
  };
}
