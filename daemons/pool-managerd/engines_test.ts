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

const elsewhere = (fields: Record<string, unknown> = {}) =>
  engineSection.parse({ url: "https://gpu.example.org:8000/v1", models: ["org/name"], ...fields });

Deno.test("a server elsewhere has models without a file, which take no memory here", () => {
  const rented = elsewhere({ slots: 3, context_length: 512, vision: true });
  const { models } = withEngines({ models: [], problems: [] }, { rented });
  const [found] = models;
  assert.deepEqual(found?.elsewhere, { host: "gpu.example.org:8000", is_outside: true, slots: 3 });
  assert.deepEqual([found?.model_ref, found?.path, found?.weight_bytes, found?.vision], [
    ...["org/name", "org/name", 0, true],
  ]);
  assert.equal(found?.fingerprint, externalFingerprint("org/name", ""));
  assert.equal(engineOf(found!, { rented }), rented);
});

Deno.test("a server elsewhere serves no file of this host that has the same name", () => {
  const rented = elsewhere({ models: ["demo"] });
  assert.equal(engineOf(model(), { rented }), undefined);
  const all = section({ models: ["*"] });
  const found = withEngines({ models: [model()], problems: [] }, { rented, all }).models;
  assert.deepEqual(found.map((each) => engineOf(each, { rented, all })), [all, rented]);
});

Deno.test("settings of the other kind of engine are refused by name", () => {
  const url = { url: "https://gpu.example.org", models: ["m"] };
  const cases: readonly (readonly [fields: Record<string, unknown>, message: RegExp])[] = [
    [{ ...url, command: "x" }, /leave command out/],
    [{ ...url, serves: ["m"] }, /list the models in models/],
    [{ ...url, memory: 1 }, /no memory of this host/],
    [{ ...url, api_key: "secret" }, /^is not read from here: .* api_key_file$/],
    [{ ...url, env: { A: "b" } }, /its own environment/],
    [{ ...url, models: ["*"] }, /each of the server's models/],
    [{ url: "http://192.168.1.5", models: ["m"], ca_file: "x" }, /begins with https/],
    [{ command: "x", models: ["m"], api_key_file: "x" }, /only for a server with a url/],
    [{ command: "x", models: ["m"], ca_file: "x" }, /only for a server with a url/],
    [{ models: ["m"] }, /command is needed|is needed to start/],
  ];
  for (const [fields, message] of cases) assert.match(messageOf(fields) ?? "", message);
});
