import assert from "node:assert/strict";
import { z } from "zod";
import { errorBody } from "./common.ts";
import { orchestratorRoutes, poolRoutes, type Route, workerRoutes } from "./mod.ts";

/** Paths in a JSON schema of objects that refuse fields they do not know. */
function closed(schema: unknown, path: string): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const own = (schema as Record<string, unknown>)["additionalProperties"] === false ? [path] : [];
  return [
    ...own,
    ...Object.entries(schema).flatMap(([key, part]) => closed(part, `${path}/${key}`)),
  ];
}

Deno.test("readers of replies, events and errors accept fields that they do not know", () => {
  const all: readonly Route[] = [orchestratorRoutes, poolRoutes, workerRoutes]
    .flatMap((routes) => Object.values(routes));
  const read = all.flatMap(({ method, path, reply, event }) =>
    [reply, event].filter((schema) => schema !== undefined)
      .map((schema) => [`${method} ${path}`, schema] as const)
  );
  const found = [...read, ["error", errorBody] as const].flatMap(([name, schema]) =>
    closed(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }), name)
  );
  assert.deepEqual(found, []);
});
