import assert from "node:assert/strict";
import type { FoundModel } from "#shared/models/scan.ts";
import { withTemplate } from "#shared/models/template_file.ts";
import { poolConfig } from "../config.ts";
import { poolModel } from "../testdata/records.ts";
import { withOwnTemplates } from "./own_templates.ts";
import { withOneOfEach } from "./same_content.ts";

function file(name: string): FoundModel {
  const { staged: _, ...model } = poolModel();
  const path = `/models/${name}.gguf`;
  return { ...model, model_ref: `file:${path}`, aliases: [name], path };
}
const templates: Readonly<Record<string, string>> = { "/x.jinja": "x", "/also-x.jinja": "x" };
const read = (path: string) => {
  const text = templates[path];
  return text === undefined ? Promise.reject(new Error(`no ${path}`)) : Promise.resolve(text);
};
const models = (files: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(files).map(([name, chat_template_file]) => [name, { chat_template_file }]),
  );

async function found(
  own: Readonly<Record<string, string>>,
  names: readonly string[],
  engines = {},
) {
  const config = poolConfig.parse({ worker: { models: models(own) }, engines });
  const scanned = { models: names.map(file), problems: [] };
  const known = await withOwnTemplates(scanned, config, read);
  return await withOneOfEach(known, new Map(), () => Promise.resolve(true));
}

Deno.test("copies of a file with different chat templates are different models", async () => {
  const { models } = await found({ b: "/x.jinja", d: "/also-x.jinja" }, ["a", "b", "c", "d"]);
  assert.deepEqual(models.map(({ aliases }) => aliases), [
    ["a", "file:/models/c.gguf", "c"],
    ["b", "file:/models/d.gguf", "d"],
  ]);
  const { fingerprint } = file("a");
  assert.deepEqual(models.map((model) => model.fingerprint), [
    fingerprint,
    withTemplate(fingerprint, "x"),
  ]);
});

Deno.test("a model whose chat template cannot be used is a problem before any load", async () => {
  const { models, problems } = await found({ a: "/nowhere.jinja" }, ["a", "b"]);
  assert.deepEqual(models.map(({ path }) => path), ["/models/b.gguf"]);
  assert.deepEqual(problems, [{ path: "/models/a.gguf", message: "no /nowhere.jinja" }]);
});

Deno.test("a model of another engine has no chat template of ours", async () => {
  const engines = { other: { command: "serve", models: ["a"] } };
  const { models } = await found({ a: "/nowhere.jinja" }, ["a"], engines);
  assert.equal(models[0]?.fingerprint, file("a").fingerprint);
});
