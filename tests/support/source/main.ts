/**
 * A cheap source of tokens at a given pace, for many streams. It serves the worker's `/execute` and
 * OpenAI's `/v1/chat/completions` over hand-written HTTP/1.1, with one write for each token. It
 * sends `max_tokens` tokens and ignores the prompt.
 *
 * `--interval-ms=50` sends 20 evenly spaced tokens a second on each stream; 0 sends them as fast as
 * they are read. `--first-ms=20` waits for that long before the first one. Prints `{"url"}` and runs until it is killed.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { beginning, type Dialect, ending, token } from "./frames.ts";
import { Pace } from "./pace.ts";

const { values } = parseArgs({
  options: {
    "interval-ms": { type: "string", default: "0" },
    "first-ms": { type: "string", default: "0" },
  },
});
const intervalMs = Number(values["interval-ms"]);
const firstMs = Number(values["first-ms"]);
const pace = new Pace();
const decoder = new TextDecoder();
const encoder = new TextEncoder();

const DIALECTS: Readonly<Record<string, Dialect>> = {
  "/execute": "execute",
  "/v1/chat/completions": "openai",
};

const STREAM_HEAD = encoder.encode(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
);
const LAST_CHUNK = encoder.encode("0\r\n\r\n");

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(JSON.stringify({ url: `http://127.0.0.1:${listener.addr.port}` }));
for await (const connection of listener) {
  connection.setNoDelay(true);
  void serve(connection).catch(() => {}).finally(() => {
    try {
      connection.close();
    } catch {
      // The peer has closed it already.
    }
  });
}

/** Answers the requests of one connection, one after the other. */
async function serve(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  let text = "";
  while (true) {
    const request = parse(text);
    if (!request) {
      const read = await connection.read(buffer);
      if (read === null) return;
      text += decoder.decode(buffer.subarray(0, read));
      continue;
    }
    text = text.slice(request.length);
    const dialect = DIALECTS[request.path];
    if (dialect) await stream(connection, dialect, JSON.parse(request.body));
    else await answer(connection, request.path);
  }
}

/** Answers the requests that every OpenAI server gets before it is used. */
async function answer(connection: Deno.TcpConn, path: string): Promise<void> {
  const isModels = path === "/v1/models";
  const body = JSON.stringify(
    isModels ? { object: "list", data: [{ id: "counter", object: "model" }] } : {},
  );
  await writeAll(
    connection,
    encoder.encode(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    ),
  );
}

async function stream(
  connection: Deno.TcpConn,
  dialect: Dialect,
  body: { job_id?: string; model?: string; max_tokens?: number },
): Promise<void> {
  const { job_id = "", model = "counter", max_tokens = 10 } = body;
  await writeAll(connection, STREAM_HEAD);
  await writeAll(connection, beginning(dialect, job_id, model));
  if (firstMs > 0) await pace.until(performance.now() + firstMs);
  const began = performance.now();
  for (let index = 0; index < max_tokens; index++) {
    if (intervalMs > 0 && index > 0) await pace.until(began + index * intervalMs);
    await writeAll(connection, token(dialect, index));
  }
  await writeAll(connection, ending(dialect, max_tokens));
  await writeAll(connection, LAST_CHUNK);
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** The first request in a text, which is ASCII; undefined if it is still incomplete. */
function parse(text: string): { path: string; body: string; length: number } | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const bodyLength = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  const length = end + 4 + bodyLength;
  if (text.length < length) return undefined;
  return { path: head.split(" ")[1] ?? "/", body: text.slice(end + 4, length), length };
}
