import { textAt } from "./c/c_values.ts";
import type { Ggml } from "./c/library.ts";
import { endProcess } from "./c/native_functions.ts";

/** Lets a crash print nothing but its reason: by default ggml starts a debugger. Called before it is opened. */
export function withoutBacktraces(): void {
  const name = "GGML_NO_BACKTRACE";
  if (!Deno.env.has(name)) Deno.env.set(name, "1");
}

/**
 * Ends the process in order where llama.cpp is about to end it by `abort()`, as for a file that it does not
 * expect, until the result is disposed of. Other threads of C may call this from within a computation: they
 * wait for this thread, which must therefore never wait for C.
 *
 * @param onCrash Called with llama.cpp's reason; returns the exit code.
 */
export function watchCrashes(ggml: Ggml, onCrash: (reason: string) => number): Disposable {
  const callback = new Deno.UnsafeCallback(
    { parameters: ["pointer"], result: "void" } as const,
    (reason) => endProcess(onCrash(textAt(reason) ?? "")),
  );
  ggml.ggml_set_abort_callback(callback.pointer);
  return {
    [Symbol.dispose]() {
      ggml.ggml_set_abort_callback(null);
      callback.close();
    },
  };
}
