/**
 * A real worker that some prompts break, as a fault in native code would: {@linkcode HANGS} blocks
 * its only thread for ever, {@linkcode DIES} ends its process.
 *
 * @module
 */
import { join } from "node:path";
import { loadLibllama } from "../../daemons/worker/engine/libllama/load.ts";
import { localModel } from "../../daemons/worker/batch/local_model.ts";
import { runWorker } from "../../daemons/worker/daemon.ts";
import { ENGINES } from "../../daemons/worker/engines.ts";
import { ROOT } from "./stack.ts";

/** A prompt with these words hangs its worker. */
export const HANGS = "w6 w6 w6";

/** A prompt with these words ends its worker. */
export const DIES = "w7 w7 w7";

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
    return tokenize(text);
  };
  return engine;
};

if (import.meta.main) {
  Deno.exit(await runWorker(Deno.args, { ...ENGINES, llama: localModel(load) }));
}
