/**
 * OpenAI's own client against llorch: only the base URL differs.
 *
 *     deno run -N -E examples/openai-client/main.ts "Tell me a story about Ada."
 *
 * Variables: LLORCH_URL (http://127.0.0.1:8080), LLORCH_API_KEY and LLORCH_MODEL (demo).
 */
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: `${Deno.env.get("LLORCH_URL") ?? "http://127.0.0.1:8080"}/v1`,
  apiKey: Deno.env.get("LLORCH_API_KEY") ?? "none",
});

const stream = await client.chat.completions.create({
  model: Deno.env.get("LLORCH_MODEL") ?? "demo",
  messages: [{ role: "user", content: Deno.args[0] ?? "Count from 3 to 8." }],
  max_tokens: 60,
  temperature: 0,
  stream: true,
  stream_options: { include_usage: true },
});

const encoder = new TextEncoder();
for await (const chunk of stream) {
  await Deno.stdout.write(encoder.encode(chunk.choices[0]?.delta.content ?? ""));
  if (chunk.usage) console.error(`\n(${chunk.usage.completion_tokens} tokens)`);
}
