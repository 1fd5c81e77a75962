/**
 * Many prompts, each processed once: reads one prompt per line, writes one line of JSON for each.
 *
 *     deno run -N -E -R examples/batch.ts prompts.txt > answers.jsonl
 *
 * Each line has an idempotency key made of the model, the file's name, its number and its text, so you
 * can start an interrupted run again: no prompt is processed twice. A refused prompt gets a line with
 * the reason, and the others continue. Variables: LLORCH_URL, LLORCH_API_KEY and LLORCH_MODEL.
 */
const url = Deno.env.get("LLORCH_URL") ?? "http://127.0.0.1:8080";
const model = Deno.env.get("LLORCH_MODEL") ?? "demo";
const headers = {
  "content-type": "application/json",
  authorization: `Bearer ${Deno.env.get("LLORCH_API_KEY") ?? "none"}`,
};
/** Jobs that wait or run at the same time; the service has its own limit, and answers 429 beyond it. */
const AT_ONCE = 8;
const POLL_MS = 200;

interface Task {
  readonly job_id: string;
  readonly status: string;
  readonly output?: string;
  readonly error?: { readonly message: string };
}

/** Calls the service; waits and retries if the reply has `Retry-After`. */
async function call(path: string, init?: RequestInit): Promise<Task> {
  while (true) {
    const reply = await fetch(url + path, { ...init, headers: { ...headers, ...init?.headers } });
    if (reply.ok) return await reply.json();
    const wait = reply.headers.get("retry-after");
    if (wait === null) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
    await reply.body?.cancel();
    await sleep(Number(wait) * 1000);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function keyOf(...parts: (string | number)[]): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(parts.join("\0")));
  return new Uint8Array(bytes).toHex();
}

async function answer(file: string, line: number, prompt: string): Promise<object> {
  const { job_id } = await call("/v2/tasks", {
    method: "POST",
    headers: { "idempotency-key": await keyOf(model, file, line, prompt) },
    body: JSON.stringify({
      model,
      messages: [{ role: "user", content: prompt }],
      max_tokens: 100,
      temperature: 0,
      priority: "batch",
      detached: true,
    }),
  });
  let task = await call(`/v2/tasks/${job_id}`);
  while (!["completed", "failed", "cancelled"].includes(task.status)) {
    await sleep(POLL_MS);
    task = await call(`/v2/tasks/${job_id}`);
  }
  return { job_id, output: task.output, error: task.error?.message };
}

const [file] = Deno.args;
if (file === undefined) {
  console.error("usage: batch.ts FILE, with one prompt per line");
  Deno.exit(2);
}
const waiting = (await Deno.readTextFile(file)).split("\n")
  .map((prompt, index) => ({ prompt, line: index + 1 }))
  .filter(({ prompt }) => prompt.trim() !== "");
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { line, prompt } = next;
    const outcome = await answer(file, line, prompt)
      .catch((error) => ({ error: error instanceof Error ? error.message : String(error) }));
    console.log(JSON.stringify({ line, prompt, ...outcome }));
  }
}));
