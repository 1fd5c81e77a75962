import { runWorker } from "./daemon.ts";
import { takeLargeStack } from "./own_stack.ts";

takeLargeStack();
Deno.exit(await runWorker(Deno.args));
