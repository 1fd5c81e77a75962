import assert from "node:assert/strict";
import { testEnv } from "./test_env.ts";

Deno.test("testEnv() keeps a person's settings of llorch from tests, and what is said to tests", () => {
  const kept = { HOME: "/root", LLORCH_BIN_DIR: "/bin", LLORCH_HOST_ROUNDS: "50" };
  const own = { LLORCH_ORCHESTRATOR_URL: "http://gpu1:8080", LLORCH_API_TOKEN: "x" };
  assert.deepEqual(testEnv({ ...kept, ...own, LLORCH_POOL_ID: "a" }), kept);
});

Deno.test("what tests are run with has none of a person's settings of llorch", () => {
  const names = Object.keys(Deno.env.toObject()).filter((name) => name.startsWith("LLORCH_"));
  assert.deepEqual(
    names,
    Object.keys(testEnv(Deno.env.toObject())).filter((name) => names.includes(name)),
  );
});
