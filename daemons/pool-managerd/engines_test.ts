import assert from "node:assert/strict";
import type { FoundModel } from "#shared/models/scan.ts";
import { FINGERPRINT, poolModel } from "./testdata/records.ts";
import {
  deviceEnv,
  engineOf,
  engineSection,
  externalFingerprint,
  namedTwice,
  takesImages,
  withEngines,
} from "./engines.ts";

const section = (fields: Record<string, unknown>) =>
  engineSection.parse({ command: "serve {model} --port {port}", ...fields });

function model(changes: Partial<FoundModel> = {}): FoundModel {
  const { staged: _, ...found } = poolModel();
  return { ...found, ...changes };
}

const messageOf = (fields: Record<string, unknown>) =>
  engineSection.safeParse(fields).error?.issues[0]?.message;

Deno.test("a command is a list of arguments or one text; an unknown placeholder is named", () => {
  assert.deepEqual(section({ models: ["x"] }).command, ["serve", "{model}", "--port", "{port}"]);
  const words = ["a b", "-m={model}"];
  assert.deepEqual(section({ command: words, models: ["x"] }).command, words);
  assert.match(
    messageOf({ command: "x {prot}", models: ["x"] }) ?? "",
    /\{prot\}: there are .*\{port\}/,
  );
  assert.match(messageOf({ command: " ", models: ["x"] }) ?? "", /names no program/);
});

Deno.test("an engine must serve a model, and state the memory of a model without a file", () => {
  assert.match(messageOf({ command: "x" }) ?? "", /must name a model/);
  assert.match(messageOf({ command: "x", serves: ["m"] }) ?? "", /is needed/);
  assert.equal(section({ serves: ["m"], memory: "1.5 GiB" }).memory, 1.5 * 1024 ** 3);
  assert.match(messageOf({ command: "x", serves: ["m"], memory: "20 GB" }) ?? "", /20 GiB/);
});

Deno.test("an engine that names a model precedes one for all models; without an engine our own worker serves", () => {
  const all = section({ models: ["*"] });
  const one = section({ models: ["small"] });
  assert.equal(engineOf(model(), { all, one }), one);
  assert.equal(engineOf(model({ model_ref: "other", aliases: [] }), { all, one }), all);
  assert.equal(engineOf(model(), { x: section({ models: ["other"] }) }), undefined);
});

Deno.test("a model that two engines name is detected", () => {
  const engines = { a: section({ models: ["x", "x"] }), b: section({ models: ["y", "x"] }) };
  assert.deepEqual(namedTwice(engines), ["x", "a", "b"]);
  assert.equal(namedTwice({ a: engines.a }), undefined);
});

Deno.test("models without a file join those on disk, known by name and revision", () => {
  const engine = { serves: ["hf:org/name"], memory: 1000, context_length: 512 };
  const found = withEngines({ models: [model()], problems: [] }, { vllm: section(engine) }).models;
  assert.equal(found[0]?.fingerprint, FINGERPRINT);
  const external = found[1]!;
  assert.deepEqual([external.model_ref, external.aliases, external.path], [
    "hf:org/name",
    ["org/name"],
    "org/name",
  ]);
  assert.deepEqual([external.weight_bytes, external.context_length], [1000, 512]);
  assert.equal(external.fingerprint, externalFingerprint("org/name", ""));
  const other = withEngines({ models: [], problems: [] }, {
    another: section({ ...engine, command: "else {model}", revision: "v2" }),
  }).models[0];
  assert.notEqual(other?.fingerprint, external.fingerprint);
});

Deno.test("an engine takes images if it says so, or loads what reads them", () => {
  const takes = (command: string, vision?: boolean) =>
    takesImages(section({ models: ["*"], command, ...(vision === undefined ? {} : { vision }) }));
  for (const word of ["--mmproj x", "--mmproj=x", "-mm x", "--mmproj-url x", "-mmu x"]) {
    assert.equal(takes(`llama-server -m {model} ${word}`), true, word);
    assert.equal(takes(`llama-server -m {model} ${word}`, false), false, word);
  }
  assert.equal(takes("llama-server -m {model} --no-mmproj --mmproj-offload"), false);
  assert.equal(takes("vllm serve {model}"), false);
  assert.equal(takes("vllm serve {model}", true), true);
  const engines = {
    eyes: section({ models: ["demo"], serves: ["hf:org/name"], memory: 1, vision: true }),
  };
  const { models } = withEngines({
    models: [model(), model({ model_ref: "x", aliases: ["x"] })],
    problems: [],
  }, engines);
  assert.deepEqual(models.map(({ vision }) => vision), [true, undefined, true]);
});

Deno.test("a stated memory overrides the estimate from a file's metadata", () => {
  const engines = { x: section({ models: ["demo"], memory: 77 }) };
  const [found] = withEngines({ models: [model()], problems: [] }, engines).models;
  assert.deepEqual(
    [found?.weight_bytes, found?.kv_bytes_per_token, found?.compute_bytes],
    [77, 0, 0],
  );
});

Deno.test("deviceEnv() shows the devices of a place, on the CPU none", () => {
  assert.equal(deviceEnv({ id: "cuda2", kind: "cuda" })["CUDA_VISIBLE_DEVICES"], "2");
  assert.equal(deviceEnv({ id: "cuda1.cuda3", kind: "cuda" })["CUDA_VISIBLE_DEVICES"], "1,3");
  assert.equal(deviceEnv({ id: "rocm0", kind: "rocm" })["HIP_VISIBLE_DEVICES"], "0");
  assert.equal(deviceEnv({ id: "cpu", kind: "cpu" })["CUDA_VISIBLE_DEVICES"], "");
  assert.deepEqual(deviceEnv({ id: "metal0", kind: "metal" }), {});
});
