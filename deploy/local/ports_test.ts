import assert from "node:assert/strict";
import { PORTS } from "#shared/defaults.ts";
import type { UpOptions } from "./options.ts";
import { withFreePorts } from "./ports.ts";

/** The ports of `up`. */
type Ports = Pick<UpOptions, "port" | "pool_port" | "worker_port_base">;

const USUAL: Ports = {
  port: PORTS.orchestratord,
  pool_port: PORTS.poolManagerd,
  worker_port_base: 9_300,
};

/** The options where these ports are taken, and what was said of it. */
function given(taken: readonly number[], options: Ports = USUAL) {
  const said: string[] = [];
  const chosen = withFreePorts(options, (text) => said.push(text), (port) => !taken.includes(port));
  return { chosen, said };
}

Deno.test("ports that are free stay, without a word", () => {
  assert.deepEqual(given([]), { chosen: USUAL, said: [] });
});

Deno.test("of the usual ports, only the one that is taken moves, to the next free one", () => {
  assert.deepEqual(given([8080, 8081]), {
    chosen: { ...USUAL, port: 8082 },
    said: ["port 8080 is in use: orchestratord takes 8082"],
  });
  assert.deepEqual(given([9200]).chosen, { ...USUAL, pool_port: 9201 });
  assert.equal(given([8080, 9200]).said.length, 2);
});

Deno.test("a port that a person chose does not move, and not onto another's", () => {
  const chosen = { ...USUAL, port: 7000, pool_port: 7001 };
  assert.deepEqual(given([7000, 7001], chosen), { chosen, said: [] });
  const next = { ...USUAL, pool_port: 8081 };
  assert.equal(given([8080], next).chosen.port, 8082);
});
