import assert from "node:assert/strict";
import { loadConfig } from "#shared/config/load.ts";
import { configKeys } from "#shared/config/schema.ts";
import { parseToml } from "#shared/config/toml.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { engineSection } from "./engines.ts";
import {
  checkConfig,
  configSpec,
  contextOf,
  poolConfig,
  poolIdFromHost,
  stopDeadlineMs,
} from "./config.ts";

const EXAMPLE = Deno.readTextFileSync(new URL("./pool-manager.example.toml", import.meta.url));

Deno.test("the shipped example has the defaults", () => {
  assert.deepEqual(
    poolConfig.parse(parseToml(EXAMPLE, "example")),
    poolConfig.parse({}),
  );
});

Deno.test("the shipped example explains every key, and its commented-out lines are valid", () => {
  const complete = EXAMPLE.replace(/^# (\w+ = |\[\w)/gm, "$1");
  const tree = parseToml(complete, "example");
  poolConfig.parse(tree);
  const keys = configKeys(poolConfig).map((key) => key.path.join("."));
  const engineKeys = Object.keys(engineSection.shape)
    // Only there to be refused.
    .filter((key) => key !== "api_key").map((key) => `engines.NAME.${key}`);
  // A model's settings have the same keys as those of all models, which are explained above.
  const explained = leaves(tree).filter((key) => !key.startsWith("worker.models."))
    // Two kinds of engines have some keys in common.
    .map((key) => key.replace("engines.ELSEWHERE.", "engines.NAME."));
  assert.deepEqual([...new Set(explained)].sort(), [...keys, ...engineKeys].sort());
});

Deno.test("every key has a description for the help", () => {
  const without = configKeys(poolConfig).filter((key) => key.description === "");
  assert.deepEqual(without, []);
});

Deno.test("an unknown key is refused", () => {
  assert.throws(() => poolConfig.parse({ worker: { port: 1 } }), /port/);
});

Deno.test("poolIdFromHost() returns a valid identifier", () => {
  assert.equal(poolIdFromHost("gpu 1.example_lan"), "gpu-1.example_lan");
  assert.equal(poolIdFromHost("-_.x"), "x");
  assert.equal(poolIdFromHost("日本"), "pool");
  assert.equal(poolIdFromHost("x".repeat(300)).length, 128);
});

Deno.test("stopDeadlineMs() adds the deadlines of the workers and of the deregistration, if there are any", () => {
  const url = "http://127.0.0.1:8080";
  assert.equal(stopDeadlineMs(poolConfig.parse({})), 30_000);
  assert.equal(stopDeadlineMs(poolConfig.parse({ orchestrator: { url } })), 35_000);
  assert.equal(stopDeadlineMs(poolConfig.parse({ on_stop: "leave" })), 0);
});

Deno.test("checkConfig() refuses an announced address that the orchestrator cannot reach", () => {
  const orchestrator = { url: "http://127.0.0.1:8080" };
  const refuses = (tree: object, key: RegExp) =>
    assert.throws(
      () => checkConfig(poolConfig.parse({ orchestrator, ...tree })),
      (error) => error instanceof UsageError && key.test(error.message),
    );
  refuses({ host: "0.0.0.0" }, /advertise_url/);
  refuses({ worker: { host: "::" } }, /worker\.advertise_host/);
  checkConfig(poolConfig.parse({ host: "0.0.0.0" }));
  checkConfig(
    poolConfig.parse({ orchestrator, host: "0.0.0.0", advertise_url: "http://10.0.0.7:9200" }),
  );
});

function leaves(tree: Record<string, unknown>, path: readonly string[] = []): string[] {
  return Object.entries(tree).flatMap(([name, value]) =>
    typeof value === "object" && value !== null && !Array.isArray(value) &&
      Object.keys(value).length > 0
      ? leaves(value as Record<string, unknown>, [...path, name])
      : [[...path, name].join(".")]
  );
}

Deno.test("errors name the engine: unknown keys, and a model of two engines", () => {
  const engines = { x: { command: "x", models: ["m"] }, y: { command: "y", models: ["m"] } };
  assert.throws(() => poolConfig.parse({ engines: { x: { ...engines.x, port: 1 } } }), /port/);
  assert.throws(() => checkConfig(poolConfig.parse({ engines })), /serves m: x and y name it/);
});

Deno.test("--check-config refuses keys that contradict each other", async () => {
  const text = ["x", "y"].map((name) => `[engines.${name}]\ncommand = "${name}"\nmodels = ["m"]\n`)
    .join("");
  const sources = { env: () => undefined, readFile: () => text };
  await assert.rejects(
    loadConfig(configSpec, { args: ["--config", "/x.toml", "--check-config"], ...sources }),
    /serves m: x and y name it/,
  );
});

Deno.test("--check-config takes a chat template for one model, and refuses one for all", async () => {
  const check = (text: string) =>
    loadConfig(configSpec, {
      args: ["--config", "/x.toml", "--check-config"],
      env: () => undefined,
      readFile: () => text,
    });
  const given = 'chat_template_file = "/t.jinja"\n';
  assert.match(JSON.stringify(await check(`[worker.models.demo]\n${given}`)), /valid|ok/i);
  await assert.rejects(check(`[worker.llama]\n${given}`), /chat_template_file/);
  await assert.rejects(
    check('[worker.models.demo]\nchat_template_file = ""\n'),
    /chat_template_file/,
  );
});

Deno.test("the default context is a number of tokens or auto, also as text", () => {
  const context = (value: unknown) =>
    contextOf(poolConfig.parse({ worker: { default_context: value } }).worker.default_context);
  assert.deepEqual(["auto", "16384", 8].map(context), ["auto", 16_384, 8]);
  for (const wrong of ["7", 7, "much", "", 1.5, "-8"]) {
    assert.throws(() => context(wrong), /default_context/, String(wrong));
  }
});

Deno.test("settings of llama.cpp that contradict each other are refused, those of a model with the common ones", () => {
  const check = (worker: Record<string, unknown>) => checkConfig(poolConfig.parse({ worker }));
  check({ llama: { cpu_moe: true }, models: { small: { split: "row", split_ratio: "2,1" } } });
  assert.throws(
    () => check({ llama: { split: "none", split_ratio: "2,1" } }),
    /^UsageError: worker\.llama\.split_ratio: split is none: leave one of them out/,
  );
  assert.throws(
    () => check({ llama: { cpu_moe: true }, models: { small: { cpu_moe_layers: 3 } } }),
    /worker\.models\.small\.cpu_moe_layers: cpu_moe holds the experts of all layers: set one/,
  );
});

Deno.test("settings of guesses that have no effect are refused, where no model makes use of them", () => {
  const check = (worker: Record<string, unknown>) => checkConfig(poolConfig.parse({ worker }));
  const draft = { speculative: "draft", draft_model: "/d.gguf" };
  const tokens = { draft_tokens: 4 };
  check({ llama: tokens, models: { a: { speculative: "mtp" }, b: {} } });
  check({ llama: { ...tokens, speculative: "lookup" }, models: { a: { speculative: "off" } } });
  check({ models: { a: { ...draft, ...tokens } } });
  const refused: [Record<string, unknown>, RegExp][] = [
    [{ llama: tokens }, /worker\.llama\.draft_tokens: has no effect without speculative/],
    [{ llama: tokens, models: { a: {} } }, /worker\.llama\.draft_tokens/],
    [{ models: { a: tokens } }, /worker\.models\.a\.draft_tokens: has no effect/],
    [{ models: { a: { draft_model: "/d.gguf" } } }, /worker\.models\.a\.draft_model/],
    [{ models: { a: { speculative: "draft" } } }, /worker\.models\.a\.draft_model: is needed/],
    [
      { llama: { speculative: "draft" }, models: { a: { draft_model: "/d.gguf" } } },
      /worker\.llama\.speculative: draft needs a draft_model, which fits one/,
    ],
    [
      { llama: { speculative: "draft" } },
      /worker\.llama\.speculative: draft needs a draft_model, which fits one/,
    ],
    [
      { llama: { speculative: "lookup" }, models: { a: { draft_model: "/d.gguf" } } },
      /worker\.models\.a\.draft_model: .*only then/,
    ],
  ];
  for (const [worker, message] of refused) assert.throws(() => check(worker), message);
});

Deno.test("--check-config names a deadline of estimates that is no time", async () => {
  const check = (value: string) =>
    loadConfig(configSpec, {
      args: ["--check-config", `--models-estimate-deadline-ms=${value}`],
      env: () => undefined,
      readFile: () => undefined,
    });
  assert.equal((await check("0")).kind, "checked");
  await assert.rejects(
    check("-1"),
    (error) => error instanceof UsageError && /models-estimate-deadline-ms/.test(error.message),
  );
});
