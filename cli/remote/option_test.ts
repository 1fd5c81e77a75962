import assert from "node:assert/strict";
import { splitRemote } from "./option.ts";

const split = (line: string) => {
  const { host, args } = splitRemote(line.split(" "));
  return [host, args.join(" ")];
};

Deno.test("splitRemote() removes the host, wherever it is", () => {
  assert.deepEqual(split("models list"), [undefined, "models list"]);
  assert.deepEqual(split("--remote gpu1 models list"), ["gpu1", "models list"]);
  assert.deepEqual(split("models list --remote=gpu1 --json"), ["gpu1", "models list --json"]);
  assert.deepEqual(split("models --remote gpu1 list"), ["gpu1", "models list"]);
});

Deno.test("splitRemote() ignores everything after --", () => {
  assert.deepEqual(split("remote exec gpu1 -- x --remote y"), [
    undefined,
    "remote exec gpu1 -- x --remote y",
  ]);
  assert.deepEqual(split("--remote a remote exec b -- x --remote y"), [
    "a",
    "remote exec b -- x --remote y",
  ]);
});

Deno.test("splitRemote() needs exactly one host", () => {
  assert.throws(() => split("models list --remote"), /--remote needs a host/);
  assert.throws(() => split("models list --remote -- x"), /--remote needs a host/);
  assert.throws(() => split("models list --remote="), /--remote needs a host/);
  assert.throws(() => split("--remote a models --remote b"), /--remote can be given only once/);
});
