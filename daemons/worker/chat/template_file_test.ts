import assert from "node:assert/strict";
import { join } from "node:path";
import { MAX_TEMPLATE_BYTES } from "#shared/config/llama.ts";
import { readTemplateFile } from "./template_file.ts";

Deno.test("readTemplateFile() reads a template, and says what is wrong with one", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "t.jinja");
    await assert.rejects(readTemplateFile(path), /Cannot use the chat template .*it is not there/);
    await Deno.writeTextFile(path, "{{ 'é' }}");
    assert.equal(await readTemplateFile(path), "{{ 'é' }}");
    await Deno.writeTextFile(path, "x".repeat(MAX_TEMPLATE_BYTES));
    assert.equal((await readTemplateFile(path)).length, MAX_TEMPLATE_BYTES);
    await Deno.writeTextFile(path, "x".repeat(MAX_TEMPLATE_BYTES + 1));
    await assert.rejects(readTemplateFile(path), /larger than 1048576 bytes/);
    await Deno.writeFile(path, new Uint8Array([0xff]));
    await assert.rejects(readTemplateFile(path), /it is not UTF-8/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
