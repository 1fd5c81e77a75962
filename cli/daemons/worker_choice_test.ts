import assert from "node:assert/strict";
import type { Device } from "#shared/contracts/pool.ts";
import { chooseDevice, chooseModel, kindOf, modelMissing } from "./worker_choice.ts";

const device = (kind: Device["kind"], id: string, free_bytes: number): Device => ({
  id,
  kind,
  name: id,
  total_bytes: 100,
  free_bytes,
});
const devices = [device("cpu", "cpu", 9), device("cuda", "cuda0", 1), device("cuda", "cuda1", 5)];

Deno.test("chooseDevice() uses the number, otherwise the device with most room", () => {
  assert.equal(chooseDevice(devices, "cuda", 0).id, "cuda0");
  assert.equal(chooseDevice(devices, "cuda", undefined).id, "cuda1");
  assert.equal(chooseDevice(devices, "cpu", undefined).id, "cpu");
  assert.throws(() => chooseDevice(devices, "metal", undefined), /a metal device: there are cpu, /);
});

const model = (name: string, mark: string) => ({
  model_ref: `file:/m/${mark}/${name}.gguf`,
  aliases: [name],
  fingerprint: mark.repeat(64),
});

Deno.test("chooseModel() finds a name, and counts two copies of a model as one", () => {
  const models = [model("demo", "a"), model("demo", "a"), model("other", "b")];
  assert.equal(chooseModel(models, "demo"), models[0]);
  assert.equal(chooseModel(models, "file:/m/b/other.gguf"), models[2]);
});

Deno.test("chooseModel() refuses a name of two models", () => {
  const models = [model("demo", "a"), model("demo", "b")];
  assert.throws(
    () => chooseModel(models, "demo"),
    /means several models: ask for file:.* or file:/,
  );
  assert.equal(chooseModel(models, "dmo"), undefined);
});

Deno.test("modelMissing() suggests a similar name and ends with the advice", () => {
  const say = (names: readonly string[], name: string) =>
    modelMissing(names.map((each) => model(each, "a")), name, "fetch it").message;
  assert.equal(say(["demo"], "dmo"), 'Cannot find the model "dmo": did you mean demo?; fetch it');
  assert.match(say([], "demo"), /: there is none; fetch it$/);
  assert.match(say(["one", "other"], "demo"), /: there are one, other; fetch it$/);
});

Deno.test("kindOf() names the kinds there are", () => {
  assert.equal(kindOf("vulkan"), "vulkan");
  assert.throws(() => kindOf("quantum"), /did you mean one of cuda, metal, vulkan, rocm, cpu/);
});
