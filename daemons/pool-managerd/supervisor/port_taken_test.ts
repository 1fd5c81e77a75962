import assert from "node:assert/strict";
import { errorMessage } from "#shared/errors.ts";
import { listen } from "#shared/http/serve.ts";
import { portWasTaken } from "./port_taken.ts";

Deno.test("portWasTaken() recognises our error about a port in use, but only as the last line", async () => {
  const first = await listen({ hostname: "127.0.0.1", port: 0 }, () => new Response());
  try {
    const message = await listen({ hostname: "127.0.0.1", port: first.port }, () => new Response())
      .catch(errorMessage);
    assert.ok(typeof message === "string");
    assert.ok(portWasTaken([`llorch-candled: ${message}`]));
    assert.ok(!portWasTaken([`llorch-candled: ${message}`, "llorch-candled: out of memory"]));
    assert.ok(!portWasTaken([]));
  } finally {
    await first.close();
  }
});
