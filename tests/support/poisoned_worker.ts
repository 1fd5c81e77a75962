/**
 * A real worker that some prompts break, as a fault in native code would: {@linkcode HANGS} blocks
 * its main thread for ever, {@linkcode DIES} ends its process, {@linkcode LOGS} makes llama.cpp log.
 *
 * @module
 */
import { join } from "node:path";
import { loadLibllama } from "../../daemons/worker/engine/libllama/load.ts";
import { localModel } from "../../daemons/worker/batch/local_model.ts";
import { cpuBinaries } from "../../daemons/worker/engine/libllama/c/carried.ts";
import { cString } from "../../daemons/worker/engine/libllama/c/c_values.ts";
import { openLibrary } from "../../daemons/worker/engine/libllama/c/library.ts";
import { runWorker } from "../../daemons/worker/daemon.ts";
import { ENGINES } from "../../daemons/worker/engines.ts";
import { ROOT } from "./stack.ts";

/** A prompt with these words hangs its worker. */
export const HANGS = "w6 w6 w6";

/** A prompt with these words ends its worker. */
export const DIES = "w7 w7 w7";

/** With these words in a prompt, llama.cpp logs errors from the worker's main thread. */
export const LOGS = "w8 w8 w8";

/** Makes a folder for `LLORCH_BIN_DIR` with this worker. */
export async function poisonedWorkers(dir: string): Promise<string> {
  const path = join(dir, "llorch-candled");
  const command = [
    Deno.execPath(),
    "run",
    "-q",
    "--no-prompt",
    `--config=${join(ROOT, "deno.json")}`,
  ];
  const own = [...command, "-P=llorch-candled", join(ROOT, "tests/support/poisoned_worker.ts")];
  await Deno.writeTextFile(
    path,
    `#!/bin/sh\nexec ${own.map((word) => `'${word}'`).join(" ")} "$@"\n`,
  );
  await Deno.chmod(path, 0o755);
  return dir;
}

const load: typeof loadLibllama = async (...args) => {
  const engine = await loadLibllama(...args);
  const tokenize = engine.tokenize.bind(engine);
  engine.tokenize = (text) => {
    if (text.includes(DIES)) Deno.kill(Deno.pid, "SIGKILL");
    while (text.includes(HANGS));
    if (text.includes(LOGS)) logErrors();
    return tokenize(text);
  };
  return engine;
};

/** llama.cpp logs that it cannot read a grammar. */
function logErrors(): void {
  const { llama } = openLibrary(cpuBinaries()!);
  for (let n = 0; n < 100; n++) {
    llama.llama_sampler_init_grammar(null, cString("root ::= ("), cString("root"));
  }
}

if (import.meta.main) {
  Deno.exit(
    await runWorker(Deno.args, {
      engines: {
        ...ENGINES,
        llama: () => ({
          begun: Promise.resolve(),
          load: localModel((options) => load(options)),
          async abandon() {},
        }),
      },
    }),
  );
}
