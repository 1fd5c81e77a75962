import assert from "node:assert/strict";
import { listen } from "./serve.ts";
import { WholeResponse } from "./whole_response.ts";

Deno.test("a WholeResponse has status, headers, cookies and its length in bytes", async () => {
  const headers = new Headers({ "x-one": "1" });
  headers.append("set-cookie", "a=1");
  headers.append("set-cookie", "b=2");
  const server = await listen(
    { hostname: "127.0.0.1", port: 0 },
    () => WholeResponse.json({ text: "schön" }, { status: 202, headers }),
  );
  try {
    const reply = await fetch(server.url);
    assert.equal(reply.status, 202);
    assert.equal(reply.headers.get("content-type"), "application/json");
    assert.equal(reply.headers.get("x-one"), "1");
    assert.deepEqual(reply.headers.getSetCookie(), ["a=1", "b=2"]);
    assert.equal(reply.headers.get("content-length"), "17");
    assert.equal(await reply.text(), '{"text":"schön"}');
    const head = await fetch(server.url, { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), "17");
    assert.equal(await head.text(), "");
  } finally {
    await server.close(0);
  }
});

Deno.test("a WholeResponse can be read as any Response", async () => {
  const reply = WholeResponse.json({ a: 1 }, {
    headers: { "content-type": "application/problem+json" },
  });
  assert.equal(reply.headers.get("content-type"), "application/problem+json");
  assert.deepEqual(await reply.json(), { a: 1 });
});
