/**
 * A server that prints its port. A line on its standard input makes it take all remaining
 * descriptors; the next line makes it release them.
 */
import { createLogger } from "../../logging.ts";
import { listen } from "../serve.ts";

// As daemons do. Deno opens descriptors for signals once, and exits if there is none left for them.
Deno.addSignalListener("SIGTERM", () => Deno.exit());
const server = await listen({
  hostname: "127.0.0.1",
  port: 0,
  limits: { maxConnections: 4096, headerTimeoutMs: 30_000 },
  log: createLogger("test"),
  checkListenerMs: 200,
}, async () => {
  await Deno.readTextFile(new URL("few_descriptors.ts", import.meta.url));
  return Response.json({ max: server.maxConnections });
});
console.log(server.port);

const taken: Deno.FsFile[] = [];
for await (const _ of Deno.stdin.readable) {
  if (taken.length > 0) {
    for (const file of taken.splice(0)) file.close();
    console.log("given back");
    continue;
  }
  try {
    for (;;) taken.push(Deno.openSync("/dev/null"));
  } catch {
    console.log("taken");
  }
}
