import assert from "node:assert/strict";
import type { Device } from "#shared/contracts/pool.ts";
import { chooseModel, choosePlace, kindOf, modelMissing } from "./worker_choice.ts";

const device = (kind: Device["kind"], id: string, free_bytes: number): Device => ({
  id,
  kind,
  name: id,
  total_bytes: 100,
  free_bytes,
});
const devices = [device("cpu", "cpu", 9), device("cuda", "cuda0", 1), device("cuda", "cuda1", 5)];

Deno.test("choosePlace() uses the numbers, otherwise the device with most room", () => {
  const place = (kind: Device["kind"], numbers?: number[]) =>
    choosePlace(devices, kind, numbers, {});
  assert.equal(place("cuda", [0]), "cuda0");
  assert.equal(place("cuda", [1, 0]), "cuda0.cuda1");
  assert.equal(place("cuda"), "cuda1");
  assert.equal(place("cpu"), "cpu");
  assert.throws(() => place("metal"), /a metal device: there are cpu, /);
  assert.throws(() => place("cuda", [0, 7]), /the device cuda7: there are cpu, /);
});

Deno.test("choosePlace() leaves a model that only several devices hold to the pool manager", () => {
  const place = (bytes: number, divides: boolean) =>
    choosePlace(devices, "cuda", undefined, {
      default_load: {
        ...{ context: 1, slots: 1, host_bytes: 0, device_bytes: { cuda: bytes } },
        ...(divides ? { split: { layers: 2, layer_bytes: bytes, each_bytes: 0 } } : {}),
      },
    });
  assert.equal(place(150, true), undefined);
  assert.equal(place(150, false), "cuda1");
  assert.equal(place(50, true), "cuda1");
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
