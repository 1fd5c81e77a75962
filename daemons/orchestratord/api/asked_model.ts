import { invalidRequest, LlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import type { Orchestrator } from "../service.ts";
import { shownModels } from "./shown_models.ts";

/** Names listed in an error, at most. */
const LISTED = 20;

/**
 * The model of a request of another vendor's API: the one that it names, the configured default, or the
 * only one there is.
 *
 * @param given Empty if the request names none.
 * @throws {LlorchError} `INVALID_REQUEST` that lists the names if there are several; `POOL_UNAVAILABLE` or
 * `MODEL_NOT_FOUND` if there is none
 */
export function askedModel(
  { config, loop, notReadyReason }: Pick<Orchestrator, "config" | "loop" | "notReadyReason">,
  given: string,
  caller: Caller | undefined,
): string {
  if (given !== "") return given;
  if (config.default_model !== "") return config.default_model;
  const shown = shownModels(loop, caller);
  const models = shown.filter(({ meaning }) => meaning === undefined);
  if (models.length === 1) return models[0]!.name;
  if (models.length > 1) {
    const names = shown.map(({ name }) => name);
    const more = names.length > LISTED ? ", …" : "";
    const message = `is needed: there are ${names.slice(0, LISTED).join(", ")}${more}`;
    throw invalidRequest([{ field: "model", message }]);
  }
  if (loop.state.pools.size === 0) {
    const reason = notReadyReason() ?? "No pool has registered";
    throw new LlorchError("POOL_UNAVAILABLE", `Cannot choose a model: ${reason}`, {
      retryAfterMs: 5000,
    });
  }
  throw new LlorchError("MODEL_NOT_FOUND", "Cannot choose a model: no pool has one");
}
