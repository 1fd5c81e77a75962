/** Opens a stream, runs the garbage collector, aborts, and prints whether the server noticed. */
import { z } from "zod";
import { defineRoute } from "../../contracts/route.ts";
import { createClient } from "../client.ts";

const route = defineRoute({
  method: "GET",
  path: "/events",
  summary: "x",
  tag: "x",
  role: "none",
  reply: z.unknown(),
  status: 200,
  kind: "stream",
  errors: [],
});
const noticed = Promise.withResolvers<string>();
const server = Deno.serve({ port: 0, onListen: () => {} }, () => {
  const frame = new TextEncoder().encode("data: 1\n\n");
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(frame),
    cancel: () => noticed.resolve("noticed"),
  });
  return new Response(body);
});
const gone = new AbortController();
const client = createClient({ baseUrl: `http://127.0.0.1:${server.addr.port}` });
const { events } = await client.stream(route, {}, { signal: gone.signal });
await events.next();
const next = events.next().catch(() => {});
for (let round = 0; round < 10; round++) {
  (globalThis as unknown as { gc: () => void }).gc();
  await new Promise((resolve) => setTimeout(resolve, 5));
}
gone.abort();
await next;
const timer = setTimeout(() => noticed.resolve("not noticed"), 2000);
console.log(await noticed.promise);
clearTimeout(timer);
await server.shutdown();
