/** A request of the playground as code to run elsewhere. */
import type { ChatRequest } from "./chat.ts";

/** Languages that {@linkcode snippet} can write. */
export const LANGUAGES = ["curl", "JavaScript", "Python"] as const;

/** One of {@linkcode LANGUAGES}. */
export type Language = typeof LANGUAGES[number];

/** Characters that change the direction of text; escaped so that code reads in the order in which it runs. */
const TURNS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** JSON with {@linkcode TURNS} as escapes, which JavaScript and Python read alike. */
function json(value: unknown, indent?: number): string {
  const escape = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, null, indent).replace(TURNS, escape);
}

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
  const body = json({ ...request, stream: true }, 2);
  return [
    `curl -N ${origin}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer $LLORCH_API_KEY" \\`,
    `  -H "Content-Type: application/json" \\`,
    // Inside single quotes a shell takes everything literally except a single quote.
    `  -d '${body.replaceAll("'", `'\\''`)}'`,
  ].join("\n");
}

function javascript(request: ChatRequest, origin: string): string {
  const body = json({ ...request, stream: true }, 2);
  return `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: ${json(`${origin}/v1`)},
  apiKey: process.env.LLORCH_API_KEY ?? "none",
});
const stream = await client.chat.completions.create(${body});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}`;
}

/** A value as Python writes it: JSON strings and numbers are valid Python. */
function literal(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object") return json(value);
  const fields = Object.entries(value as object);
  return `{${fields.map(([name, each]) => `${json(name)}: ${literal(each)}`).join(", ")}}`;
}

/** Parameters that OpenAI's client for Python knows; it sends others within `extra_body`. */
const PYTHON_NAMES = [
  ...["tools", "tool_choice", "reasoning_effort", "temperature", "top_p", "max_tokens", "seed"],
  ...["frequency_penalty", "presence_penalty", "logit_bias", "stop", "response_format"],
];

function python({ model, messages, ...parameters }: ChatRequest, origin: string): string {
  const turns = messages.map((message) => `        ${literal(message)},`);
  const all = Object.entries(parameters);
  const more = all.filter(([name]) => PYTHON_NAMES.includes(name))
    .map(([name, value]) => `    ${name}=${literal(value)},`);
  const others = all.filter(([name]) => !PYTHON_NAMES.includes(name));
  if (others.length > 0) more.push(`    extra_body=${literal(Object.fromEntries(others))},`);
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
