/**
 * What other servers answer is answered here in the same way, by the whole stack.
 *
 * @module
 */
import assert from "node:assert/strict";
import { request } from "node:http";
import { withModels } from "../conformance/stack.ts";
import { llamaSource } from "../support/llama_source.ts";
import { PEER_ROWS, type PeerRow } from "./peer_rows.ts";

const source = await llamaSource();
const why = "why" in source ? ` (skipped: ${source.why})` : "";

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Sends a row's path and headers as they are, which `fetch` would not. */
function send(url: string, { path, method, body, headers }: PeerRow): Promise<Reply> {
  const { hostname, port } = new URL(url);
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request({
      ...{ hostname, port, path },
      method: method ?? (text === undefined ? "GET" : "POST"),
      headers: {
        ...(text === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
    }, (reply) => {
      let all = "";
      reply.setEncoding("utf8");
      reply.on("data", (part) => all += part);
      reply.on("error", reject);
      reply.on(
        "end",
        () => resolve({ status: reply.statusCode!, headers: reply.headers, text: all }),
      );
    });
    sent.on("error", reject);
    sent.end(text);
  });
}

Deno.test({
  name: `requests that other servers answer are answered with the same status and body${why}`,
  ignore: "why" in source,
  async fn(t) {
    await withModels(async (url) => {
      for (const row of PEER_ROWS) {
        await t.step(row.name, async () => {
          const { status, headers, text } = await send(url, row);
          assert.equal(status, row.status, text);
          if (row.has !== undefined) assert.partialDeepStrictEqual(JSON.parse(text), row.has);
          for (const each of row.says ?? []) assert.match(text, each);
          for (const each of row.saysNot ?? []) assert.doesNotMatch(text, each);
          for (const [name, value] of Object.entries(row.sends ?? {})) {
            assert.match(String(headers[name]), value, name);
          }
        });
      }
    });
  },
});
