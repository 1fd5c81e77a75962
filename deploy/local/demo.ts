import { z } from "zod";
import { type EndData, jobEvent, orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import { withStack } from "./command.ts";
import { upOptions } from "./options.ts";

const demoOptions = z.strictObject({
  ...upOptions.shape,
  prompt: z.string().min(1).default("Tell me a story about a llama named Ada.")
    .describe("What to ask"),
  once: z.boolean().default(false).describe("Exit after the answer"),
});

/** Figures of an answer. */
interface Answer {
  readonly text: string;
  readonly end: EndData;
  /** Time from the request to the first token, as this client measured it. */
  readonly ttftMs: number;
}

/** Sends a chat and prints its tokens as they arrive. */
async function ask(
  client: Client,
  model: string,
  prompt: string,
  show: (text: string) => void,
): Promise<Answer> {
  const began = performance.now();
  let ttftMs = 0;
  let text = "";
  const { events } = await client.stream(routes.submit, {
    body: { model, messages: [{ role: "user", content: prompt }], temperature: 0 },
  });
  for await (const message of events) {
    const event = jobEvent.parse({ event: message.event, data: JSON.parse(message.data) });
    if (event.event === "token") {
      ttftMs ||= performance.now() - began;
      if (event.data.channel !== undefined) continue;
      text += event.data.t;
      show(event.data.t);
    } else if (event.event === "end") return { text, end: event.data, ttftMs };
    else if (event.event === "error") throw new LlorchError(event.data.code, event.data.message);
  }
  throw new Error("The stream ended without an end event");
}

/** Writes text to stdout; ignores errors. */
function showText(text: string): void {
  try {
    Deno.stdout.writeSync(new TextEncoder().encode(text));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

function tokensPerSecond({ end }: Answer): string {
  const seconds = end.decode_time_ms / 1000;
  return seconds > 0 ? (end.tokens_out / seconds).toFixed(0) : "?";
}

if (import.meta.main) {
  const code = await withStack({
    program: "demo",
    summary: "runs the stack, asks one question and shows the answer",
    schema: demoOptions,
    quiet: true,
    use: async ({ client, orchestrator }, { model, prompt, json, once }) => {
      const print = json ? () => {} : showText;
      print(`\n> ${prompt}\n`);
      const answer = await ask(client, model, prompt, print);
      const ttft = answer.ttftMs.toFixed(1);
      print(
        `\n\n${answer.end.tokens_out} tokens, ${tokensPerSecond(answer)} tokens/s, ` +
          `first token after ${ttft} ms\n`,
      );
      if (json) {
        console.log(JSON.stringify({
          event: "answer",
          text: answer.text,
          tokens_out: answer.end.tokens_out,
          ttft_ms: Number(ttft),
        }));
      }
      if (once) return "done";
      print(
        `\nStill running; Ctrl-C stops it. The console is at ${orchestrator.url}/\nTry:\n\n  curl -N ${orchestrator.url}/v1/chat/completions \\\n` +
          `    -H 'Content-Type: application/json' \\\n` +
          `    -d '{"model":"${model}","stream":true,"temperature":0,` +
          `"messages":[{"role":"user","content":"Count from 3 to 8."}]}'\n\n`,
      );
      return "stay";
    },
  });
  Deno.exit(code);
}
