import { CLIENTS, runClient } from "./run_clients.ts";
import { withModels } from "./stack.ts";

Deno.test("third-party clients work unchanged", async (t) => {
  await withModels(async (url) => {
    for (const name of CLIENTS) await t.step(name, () => runClient(name, url));
  });
});
