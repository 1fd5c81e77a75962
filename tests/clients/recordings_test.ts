/**
 * What real programs send is answered: their recorded requests, against the whole stack and a model
 * with a real template.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { familyOf, writeFamily } from "../conformance/models/family_file.ts";
import {
  filled,
  FILLER,
  readRecordings,
  type RecordedRequest,
} from "../conformance/programs/recording.ts";
import { MODEL } from "../conformance/programs/programs.ts";
import { llamaSource } from "../support/llama_source.ts";
import { withStack } from "../support/stack.ts";

/** What the model says to every request. */
const ANSWER = "All is well";

const source = await llamaSource();
const why = "why" in source ? source.why : undefined;
const recordings = readRecordings();

Deno.test("at least ten programs are recorded", () => {
  const programs = recordings.map(({ program }) => program.split("-")[0]);
  assert.ok(new Set(programs).size >= 10, programs.join(", "));
});

Deno.test({
  name: `recorded requests of real programs are answered${why ? ` (skipped: ${why})` : ""}`,
  ignore: why !== undefined,
  async fn(t) {
    assert.ok("folder" in source);
    const models = await Deno.makeTempDir({ prefix: "llorch-recordings-" });
    try {
      const path = join(models, `${MODEL}.gguf`);
      const more = { context: 65_536, runsOf: FILLER };
      await writeFamily(path, familyOf("Qwen 3"), source.folder, [ANSWER], more);
      const options = { models, model: MODEL, context: more.context, slots: 1 };
      await withStack(options, async ({ url }) => {
        for (const { program, version, requests } of recordings) {
          for (const [index, request] of requests.entries()) {
            const { method, path } = request;
            await t.step(`${program} ${version}: ${index + 1}. ${method} ${path}`, async () => {
              const { status, text } = await send(url, request);
              assert.equal(status, 200, text);
              assert.doesNotMatch(text, /"error":\s*[{"]|^event: error|response\.failed/m);
              if (generates(path)) assert.equal(textOf(text), ANSWER);
            });
          }
        }
      });
    } finally {
      await Deno.remove(models, { recursive: true });
    }
  },
});

const generates = (path: string) => /\/(completions|responses|messages|chat)(\?|$)/.test(path);

async function send(
  url: string,
  { method, path, headers, body }: RecordedRequest,
): Promise<{ readonly status: number; readonly text: string }> {
  const reply = await fetch(url + path, {
    method,
    headers: { ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(filled(body)) }),
  });
  return { status: reply.status, text: await reply.text() };
}

/** The text of an answer in any dialect, streamed or whole. */
function textOf(reply: string): string {
  const chunks = reply.split("\n").map((line) => line.replace(/^data: /, ""))
    .filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  return chunks.map(pieceOf).join("");
}

/** A chunk of a stream, or a whole reply: what is read of it. */
interface Chunk {
  readonly type?: string;
  readonly delta?: string | { readonly text?: string };
  readonly content?: readonly { readonly text?: string }[];
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null };
    readonly message?: { readonly content?: string | null };
  }[];
  readonly message?: { readonly content?: unknown };
}

/** The text that a chunk adds. */
function pieceOf({ type, delta, content = [], choices, message }: Chunk): string {
  if (type === "response.output_text.delta") return String(delta);
  if (typeof delta === "object") return delta.text ?? "";
  if (type === "message") return content.map(({ text }) => text ?? "").join("");
  if (choices) return (choices[0]?.delta ?? choices[0]?.message)?.content ?? "";
  return typeof message?.content === "string" ? message.content : "";
}
