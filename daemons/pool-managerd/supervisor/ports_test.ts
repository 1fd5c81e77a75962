import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { choosePort } from "./ports.ts";

Deno.test("choosePort() skips ports that are reserved or in use", () => {
  const port = choosePort("h", 8001, (port) => port === 8001, (_, port) => port !== 8002);
  assert.equal(port, 8003);
});

Deno.test("choosePort() leaves the choice to the worker for base 0", () => {
  assert.equal(choosePort("h", 0, () => true), 0);
});

Deno.test("choosePort() notices a port that another program listens on", () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  if (port < 65_000) assert.notEqual(choosePort("127.0.0.1", port, () => false), port);
});

Deno.test("choosePort() names the range that it searched when no port is free", () => {
  assert.throws(
    () => choosePort("h", 65_530, () => false, () => false),
    (error) =>
      error instanceof LlorchError && error.code === "WORKER_START_FAILED" &&
      /between 65530 and 65535/.test(error.message),
  );
});
