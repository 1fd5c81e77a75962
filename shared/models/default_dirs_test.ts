import assert from "node:assert/strict";
import { defaultModelsDirs, personModelsDir } from "#shared/models/default_dirs.ts";

const env = (variables: Record<string, string>) => (name: string) => variables[name];

Deno.test("a user's models are in their data folder", () => {
  assert.equal(personModelsDir(env({ HOME: "/home/ada" })), "/home/ada/.local/share/llorch/models");
  assert.equal(
    personModelsDir(env({ HOME: "/home/ada", XDG_DATA_HOME: "/data" })),
    "/data/llorch/models",
  );
});

Deno.test("an empty XDG_DATA_HOME counts as unset", () => {
  assert.equal(
    personModelsDir(env({ HOME: "/home/ada", XDG_DATA_HOME: "" })),
    "/home/ada/.local/share/llorch/models",
  );
});

Deno.test("the folders of services and of the user are searched", () => {
  assert.deepEqual(defaultModelsDirs(env({ HOME: "/home/ada" })), [
    "/var/lib/llorch/models",
    "/home/ada/.local/share/llorch/models",
  ]);
});
