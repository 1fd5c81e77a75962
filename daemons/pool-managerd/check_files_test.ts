import assert from "node:assert/strict";
import { join } from "node:path";
import { loadConfig } from "#shared/config/load.ts";
import { checkFiles } from "./check_files.ts";
import { configSpec } from "./config.ts";

Deno.test("--check-config reads each chat template, and names the key of one that cannot be used", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const good = join(folder, "good.jinja");
    const bad = join(folder, "bad.jinja");
    const large = join(folder, "large.jinja");
    const missing = join(folder, "missing.jinja");
    await Deno.writeTextFile(good, "{{ messages[0].content }}");
    await Deno.writeTextFile(bad, "one\n{% if %}");
    await Deno.writeTextFile(large, "x".repeat(1024 * 1024 + 1));
    const load = (paths: Readonly<Record<string, string>>, ...flags: string[]) => {
      const lines = Object.entries(paths).map(([name, path]) =>
        `[worker.models."${name}"]\nchat_template_file = ${JSON.stringify(path)}\n`
      );
      return loadConfig({ ...configSpec, checkFiles }, {
        args: ["--config", "/x.toml", ...flags],
        env: () => undefined,
        readFile: () => lines.join(""),
      });
    };
    assert.equal((await load({ demo: good }, "--check-config")).kind, "checked");
    const paths = { demo: good, "b.1": bad, large, missing };
    await assert.rejects(load(paths, "--check-config"), (error: Error) => {
      const key = "worker.models";
      const reason = "Cannot use the chat template";
      assert.deepEqual(error.message.split("\n"), [
        `/x.toml:4: ${key}.b.1.chat_template_file: ${reason} ${bad}: Expected an expression, found block end (line 2)`,
        `/x.toml:6: ${key}.large.chat_template_file: ${reason} ${large}: it is larger than 1048576 bytes`,
        `/x.toml:8: ${key}.missing.chat_template_file: ${reason} ${missing}: it is not there`,
      ]);
      return true;
    });
    // A daemon starts: only the models that need such a file cannot be loaded.
    assert.equal((await load(paths)).kind, "run");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("--check-config names adapters and draft models that are not there", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const there = join(folder, "there.gguf");
    await Deno.writeTextFile(there, "");
    const toml = `[worker.models.a]\nlora.x = ${JSON.stringify(there)}\nlora.y = "/none/y.gguf"
[worker.models.b]\nspeculative = "draft"\ndraft_model = ${JSON.stringify(folder)}\n`;
    const check = loadConfig({ ...configSpec, checkFiles }, {
      args: ["--config", "/x.toml", "--check-config"],
      env: () => undefined,
      readFile: () => toml,
    });
    await assert.rejects(check, (error: Error) => {
      const [adapter, draft, ...more] = error.message.split("\n");
      assert.match(adapter!, /^\/x\.toml:3: worker\.models\.a\.lora\.y: .*none\/y\.gguf/);
      assert.equal(draft, `/x.toml:6: worker.models.b.draft_model: ${folder} is no file`);
      assert.deepEqual(more, []);
      return true;
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
