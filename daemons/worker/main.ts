import { STANDBY } from "#shared/defaults.ts";
import { EngineThread } from "./engine/libllama/engine_thread.ts";
import { takeLargeStack } from "./own_stack.ts";

takeLargeStack();
const thread = loadsModel(Deno.args) ? new EngineThread() : undefined;
thread?.prepare();
const { runWorker } = await import("./daemon.ts");
Deno.exit(await runWorker(Deno.args, { thread }));

/** Whether llama.cpp will probably load a model: then its thread starts first, as all else waits for it. */
function loadsModel(args: readonly string[]): boolean {
  return args[0] === STANDBY ||
    args.some((word) => word === "--model" || word.startsWith("--model=")) &&
      !args.includes("openai");
}
