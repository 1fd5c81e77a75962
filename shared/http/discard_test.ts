import assert from "node:assert/strict";
import { LlorchError } from "../errors.ts";
import { readJsonBody } from "./body.ts";
import { errorReply } from "./error_reply.ts";
import { readForm } from "./multipart.ts";
import { listen } from "./serve.ts";

const MIB = 1024 * 1024;

Deno.test("who sends a large body reads why it is refused, and goes on with the connection", async () => {
  const server = await listen({ hostname: "127.0.0.1", port: 0 }, async (request) => {
    try {
      if (new URL(request.url).pathname === "/json") {
        await readJsonBody(request, { maxBytes: 10, onBytes() {} });
      }
      for await (const _ of readForm(request)) throw new LlorchError("FORBIDDEN", "no");
      return new Response("read");
    } catch (error) {
      return errorReply(error as LlorchError, "id");
    }
  });
  try {
    for (let round = 0; round < 10; round++) {
      const body = new FormData();
      body.set("a", "1");
      body.set("file", new Blob(["y".repeat(3 * MIB)]), "b");
      const refused = await fetch(`${server.url}/form`, { method: "POST", body });
      assert.equal(refused.status, 403);
      await refused.body?.cancel();
      const pieces = new Blob(["y".repeat(3 * MIB)]).stream();
      const tooLarge = await fetch(`${server.url}/json`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: pieces,
      });
      assert.equal(tooLarge.status, 413);
      await tooLarge.body?.cancel();
    }
  } finally {
    await server.close();
  }
});
