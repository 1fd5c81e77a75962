import assert from "node:assert/strict";
import { defaultModelsDirs, personModelsDir } from "#shared/models/default_dirs.ts";

const env = (variables: Record<string, string>) => (name: string) => variables[name];

Deno.test("a person's models stand in their data folder", () => {
  assert.equal(personModelsDir(env({ HOME: "/home/ada" })), "/home/ada/.local/share/llorch/models");
  assert.equal(
    personModelsDir(env({ HOME: "/home/ada", XDG_DATA_HOME: "/data" })),
    "/data/llorch/models",
  );
});

Deno.test("an empty or relative XDG_DATA_HOME is ignored", () => {
  for (const data of ["", "data"]) {
    assert.equal(
      personModelsDir(env({ HOME: "/home/ada", XDG_DATA_HOME: data })),
      "/home/ada/.local/share/llorch/models",
    );
  }
});

Deno.test("a service has its models under /var/lib", () => {
  assert.deepEqual(defaultModelsDirs(env({ STATE_DIRECTORY: "/var/lib/llorch" })), [
    "/var/lib/llorch/models",
  ]);
  assert.deepEqual(defaultModelsDirs(env({ HOME: "/home/ada" })), [
    "/home/ada/.local/share/llorch/models",
  ]);
});
