/** A request of the playground as code that does the same elsewhere. */
import type { ChatRequest } from "./chat.ts";

/** Languages in which a request can be had. */
export const LANGUAGES = ["curl", "JavaScript", "Python"] as const;

/** One of them. */
export type Language = typeof LANGUAGES[number];

/** The code for a request to the service at this address. */
export function snippet(language: Language, request: ChatRequest, origin: string): string {
  switch (language) {
    case "curl":
      return curl(request, origin);
    case "JavaScript":
      return javascript(request, origin);
    case "Python":
      return python(request, origin);
  }
}

function curl(request: ChatRequest, origin: string): string {
  const body = JSON.stringify({ ...request, stream: true }, null, 2);
  return [
    `curl -N ${origin}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer $LLORCH_API_KEY" \\`,
    `  -H "Content-Type: application/json" \\`,
    // Inside single quotes a shell takes everything as it stands, but a single quote.
    `  -d '${body.replaceAll("'", `'\\''`)}'`,
  ].join("\n");
}

function javascript(request: ChatRequest, origin: string): string {
  const body = JSON.stringify({ ...request, stream: true }, null, 2);
  return `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: ${JSON.stringify(`${origin}/v1`)},
  apiKey: process.env.LLORCH_API_KEY ?? "none",
});
const stream = await client.chat.completions.create(${body});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}`;
}

function python({ model, messages, ...parameters }: ChatRequest, origin: string): string {
  // Strings of JSON are strings of Python, too.
  const json = (value: unknown) => JSON.stringify(value);
  const turns = messages.map(({ role, content }) =>
    `        {"role": ${json(role)}, "content": ${json(content)}},`
  );
  const more = Object.entries(parameters).map(([name, value]) => `    ${name}=${json(value)},`);
  return [
    "import os",
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url=${
      json(`${origin}/v1`)
    }, api_key=os.environ.get("LLORCH_API_KEY", "none"))`,
    "stream = client.chat.completions.create(",
    `    model=${json(model)},`,
    "    messages=[",
    ...turns,
    "    ],",
    ...more,
    "    stream=True,",
    ")",
    "for chunk in stream:",
    '    print(chunk.choices[0].delta.content or "", end="", flush=True)',
  ].join("\n");
}
