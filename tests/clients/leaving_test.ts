/**
 * A client that leaves frees its slot at the end of the step that runs, in every dialect.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dialects } from "../../daemons/orchestratord/testing/dialects.ts";
import { TOKEN } from "../../daemons/worker/testing/worker.ts";
import { withOneSlot } from "../support/one_slot.ts";
import { until } from "../support/stack.ts";

/** Lets an engine make one step at a time. */
class Gate {
  #steps = 0;
  #wake: (() => void)[] = [];

  /** Allows this many more steps. */
  open(steps: number): void {
    this.#steps += steps;
    for (const wake of this.#wake.splice(0)) wake();
  }

  async pass(): Promise<void> {
    while (this.#steps === 0) await new Promise<void>((resolve) => this.#wake.push(resolve));
    this.#steps--;
  }
}

/** How many requests of a worker were cancelled. */
async function cancelled(workerUrl: string): Promise<number> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const text = await (await fetch(`${workerUrl}/metrics`, { headers })).text();
  return Number(/^worker_requests_total{outcome="cancelled"} (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** Tokens of the other client's prompt, by which its first step is known. */
const OTHER = "x".repeat(77);

for (const [name, dialect] of Object.entries(dialects)) {
  for (const stream of [true, false]) {
    const title = `${name}: a client that leaves ${stream ? "a stream" : "a whole answer"} ` +
      "frees its slot when the step ends";
    Deno.test(title, () => {
      const gate = new Gate();
      return withOneSlot(() => gate.pass(), async ({ url, workerUrl, engine }) => {
        const ask = (content: string, maxTokens: number, signal: AbortSignal | null = null) =>
          fetch(url + dialect.path, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({
              ...{ model: "counter", stream },
              ...dialect.body({ content, maxTokens }),
            }),
            signal,
          }).then((reply) => reply.text());
        const leave = new AbortController();
        const left = assert.rejects(ask("hi", 500, leave.signal), { name: "AbortError" });
        gate.open(3);
        // The fourth step runs until the gate opens again.
        await until("the fourth step runs", () => engine.steps.length === 4);
        leave.abort();
        await left;
        await until("the worker knows", async () => await cancelled(workerUrl) === 1);
        const other = ask(OTHER, 1);
        gate.open(Infinity);
        await other;
        const [, tokens] = engine.steps[4]!;
        assert.ok(tokens > 1, `the step after is the other client's: ${engine.steps}`);
      });
    });
  }
}
