/**
 * Every family's template, marks and output in a real worker, over HTTP: the answer's thought, text and
 * calls, whole, streamed and resumed. The names of its steps are the table.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { llamaSource } from "../../support/llama_source.ts";
import { FAMILIES } from "./families.ts";
import { writeFamily } from "./family_file.ts";
import { KNOWN_FAILURES } from "./known_failures.ts";
import { COLUMNS, isGood, type Row, rowOf, TableLines } from "./table.ts";
import { withWorker } from "./with_worker.ts";

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
