/**
 * Writes the OpenAPI document of each daemon to `docs/api/openapi/`, or with `--check` compares.
 *
 * @module
 */
import { orchestratorRoutes, poolRoutes, type Route, workerRoutes } from "#shared/contracts/mod.ts";
import { openApiDocument } from "#shared/http/openapi.ts";
import { generated, report } from "./repo.ts";

const DAEMONS: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  "orchestratord": orchestratorRoutes,
  "pool-managerd": poolRoutes,
  "llorch-candled": workerRoutes,
};

/** A JSON value with its objects' keys in alphabetical order, so that a diff shows real changes. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}

if (import.meta.main) {
  const isCheck = Deno.args.includes("--check");
  const problems = Object.entries(DAEMONS).flatMap(([name, routes]) => {
    const document = sorted(openApiDocument(name, Object.values(routes)));
    const text = JSON.stringify(document, null, 2) + "\n";
    return generated(`docs/api/openapi/${name}.json`, text, isCheck);
  });
  report(problems, `${Object.keys(DAEMONS).length} OpenAPI documents`);
}
