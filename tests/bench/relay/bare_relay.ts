/**
 * The least that a relay in Deno does, to compare orchestratord with: it takes a request by `node:http`, sends it
 * to a source over a connection that is open already, parses what comes back, and answers with it: as a stream if
 * that is asked for, else with all of it at once.
 *
 * `bare_relay.ts URL` prints `{"url"}` and runs until it is killed.
 *
 * @module
 */
import { createServer } from "node:http";
import { streamTransport } from "#shared/http/stream_transport.ts";

const [source = ""] = Deno.args;
const open = streamTransport();
const headers = { "content-type": "application/json" };

const server = createServer(async (incoming, outgoing) => {
  let body = "";
  for await (const piece of incoming) body += piece;
  const question = JSON.parse(body);
  const reply = await open({
    ...{ url: source + incoming.url, method: "POST", headers, signal: undefined },
    body: JSON.stringify(question),
  });
  if (question.stream) {
    outgoing.writeHead(200, { "content-type": "text/event-stream" });
    for await (const batch of reply.batches(undefined)) {
      const frames = batch.map(({ data }) =>
        `data: ${data === "[DONE]" ? data : JSON.stringify(JSON.parse(data))}\n\n`
      );
      outgoing.write(frames.join(""));
    }
    return void outgoing.end();
  }
  const texts: string[] = [];
  for await (const batch of reply.batches(undefined)) {
    for (const { data } of batch) if (data !== "[DONE]") texts.push(JSON.parse(data).id);
  }
  const answer = JSON.stringify({ texts });
  outgoing.writeHead(200, { ...headers, "content-length": answer.length });
  outgoing.end(answer);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("It has no port");
  console.log(JSON.stringify({ url: `http://127.0.0.1:${address.port}` }));
});
