import { processContext } from "./context.ts";
import { run } from "./run.ts";

if (import.meta.main) Deno.exit(await run(Deno.args, processContext()));
