import { takeLargeStack } from "./own_stack.ts";

takeLargeStack();
// Loaded after that, which starts the program again.
const { runWorker } = await import("./daemon.ts");
Deno.exit(await runWorker(Deno.args));
