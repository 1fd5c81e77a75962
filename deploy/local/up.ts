import { withStack } from "./command.ts";
import { upOptions } from "./options.ts";

/** Runs the whole stack on this machine until Ctrl-C. */
if (import.meta.main) {
  const code = await withStack({
    program: "up",
    summary: "runs the whole stack on this machine",
    schema: upOptions,
    use: (stack, options) => {
      const { orchestrator, pool } = stack;
      if (options.json) {
        console.log(JSON.stringify({
          event: "ready",
          orchestrator: orchestrator.url,
          pool: pool.url,
          pids: { up: Deno.pid, orchestratord: orchestrator.pid, "pool-managerd": pool.pid },
        }));
      } else {
        console.log(`ready           ${orchestrator.url}  (pool ${pool.url}, Ctrl-C stops all)`);
        console.log(`console         ${orchestrator.url}/  (open it in a browser)`);
      }
      return Promise.resolve("stay");
    },
  });
  Deno.exit(code);
}
