/**
 * Every family's template, marks and output in a real worker, over HTTP: the answer's thought, text and
 * calls, whole, streamed and resumed. The names of its steps are the table.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readSse } from "#shared/http/sse.ts";
import { loadLlama } from "../../../daemons/worker/engine/llama/load.ts";
import { openWorker, TOKEN, whenReady } from "../../../daemons/worker/testing/worker.ts";
import { llamaSource } from "../../support/llama_source.ts";
import { FAMILIES } from "./families.ts";
import { writeFamily } from "./family_file.ts";
import { KNOWN_FAILURES } from "./known_failures.ts";
import { COLUMNS, type Execute, isGood, type Row, rowOf, TableLines } from "./table.ts";

const source = await llamaSource();
const why = "why" in source ? ` (skipped: ${source.why})` : "";

Deno.test({
  name: `every family's thoughts and calls are understood${why}`,
  ignore: "why" in source,
  async fn(t) {
    assert.ok("folder" in source);
    const lines = new TableLines(FAMILIES.map(({ name }) => name));
    const folder = await Deno.makeTempDir({ prefix: "llorch-families-" });
    try {
      // The names of the steps are the table.
      await t.step(lines.head, () => {});
      for (const family of FAMILIES) {
        const path = join(folder, "family.gguf");
        await writeFamily(path, family, source.folder);
        const row = await withWorker(path, (execute) => rowOf(family, execute));
        await t.step(lines.row(family.name, row), () => checkRow(family.name, row));
      }
      await t.step(lines.sums, () => {});
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Runs a worker of this process with a model. */
async function withWorker<T>(model: string, work: (execute: Execute) => Promise<T>): Promise<T> {
  const { worker, client } = await openWorker(loadLlama, { model, context: 16_384 });
  try {
    await whenReady(client);
    let jobs = 0;
    return await work(async (fields) => {
      const response = await fetch(`${worker.url}/execute`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
        // The same job each time: what follows from its id, such as the ids of calls, is the same.
        body: JSON.stringify({ model: "family", job_id: "job", attempt: ++jobs, ...fields }),
      });
      if (!response.ok) throw new Error(await response.text());
      const events = await Array.fromAsync(readSse(response.body!));
      return events.map(({ event, data }) => ({ event, data: JSON.parse(data) }));
    });
  } finally {
    worker.shutdown();
    await worker.ended;
  }
}

function checkRow(name: string, row: Row): void {
  const known = KNOWN_FAILURES[name] ?? [];
  const wrong = COLUMNS.filter((column) => !isGood(row[column]));
  const fresh = wrong.filter((column) => !known.includes(column));
  assert.deepEqual(fresh.map((column) => `${column}: ${row[column]}`), [], "fails");
  assert.deepEqual(
    known.filter((column) => !wrong.includes(column)),
    [],
    "works, but is a known failure",
  );
}
