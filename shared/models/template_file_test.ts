import assert from "node:assert/strict";
import { join } from "node:path";
import { MAX_TEMPLATE_BYTES } from "../config/llama.ts";
import { readTemplateFile, withTemplate } from "./template_file.ts";

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
    await assert.rejects(readTemplateFile(folder), /it is no file/);
    const { success } = await new Deno.Command("mkfifo", { args: [join(folder, "pipe")] }).output();
    assert.ok(success);
    await assert.rejects(readTemplateFile(join(folder, "pipe")), /it is no file/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("withTemplate() gives a model with another template another identity", () => {
  const file = "a".repeat(64);
  assert.equal(withTemplate(file, undefined), file);
  const found = [
    withTemplate(file, ""),
    withTemplate(file, "x"),
    withTemplate("b".repeat(64), "x"),
  ];
  assert.equal(new Set([file, ...found]).size, 4);
  assert.ok(found.every((each) => /^[0-9a-f]{64}$/.test(each)));
});
