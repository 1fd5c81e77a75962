import assert from "node:assert/strict";
import { RecordingProxy } from "./recording_proxy.ts";

Deno.test("a recording proxy passes requests and streams on, and keeps both", async () => {
  const first = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    if (new URL(request.url).pathname === "/nowhere") return new Response("no", { status: 404 });
    const encoder = new TextEncoder();
    return new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(encoder.encode("one"));
          // The second part comes when the client has the first.
          await first.promise;
          controller.enqueue(encoder.encode(" two"));
          controller.close();
        },
      }),
      { headers: { "x-made-by": "server" } },
    );
  });
  const proxy = new RecordingProxy(`http://127.0.0.1:${server.addr.port}`);
  try {
    const headers = { "x-api-key": "none" };
    const sent = { method: "POST", body: "hello", headers };
    const reply = await fetch(`${proxy.url}/path?query=1`, sent);
    assert.equal(reply.headers.get("x-made-by"), "server");
    let text = "";
    for await (const part of reply.body!.pipeThrough(new TextDecoderStream())) {
      text += part;
      first.resolve();
    }
    assert.equal(text, "one two");
    await (await fetch(`${proxy.url}/nowhere`)).body?.cancel();
    const [passed, refused] = proxy.exchanges;
    assert.equal(`${passed!.method} ${passed!.path}`, "POST /path?query=1");
    assert.equal(passed!.body, "hello");
    assert.equal(new Map(passed!.headers).get("x-api-key"), "none");
    assert.equal(passed!.reply(), "one two");
    assert.equal(refused!.status, 404);
  } finally {
    await proxy.close();
    await server.shutdown();
  }
});
