/**
 * Paths of model files are shown to operators only: clients with an API key see short names.
 *
 * @module
 */
import { defined } from "#shared/json.ts";
import type { ModelView, UnusableModelView } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import { withoutHostPaths } from "#shared/models/host_paths.ts";

/** Whether a caller may see paths and name models by them. */
export function seesPaths(caller: Caller | undefined): boolean {
  return caller?.role !== "client";
}

/**
 * Removes paths where the caller may see none. Only for values without text of a model or a person, which
 * must not be changed.
 */
export function forCaller<T>(caller: Caller | undefined, facts: T): T {
  return seesPaths(caller) ? facts : JSON.parse(withoutHostPaths(JSON.stringify(facts)));
}

/** A model with only the names that its caller may see. */
export function modelFor(caller: Caller | undefined, model: ModelView): ModelView {
  if (seesPaths(caller)) return model;
  const { model_ref, ambiguous_aliases } = model;
  const aliases = model.aliases.filter((name) => !isFile(name));
  const own = aliases.find((name) => !ambiguous_aliases.includes(name)) ?? aliases[0];
  return forCaller(caller, {
    ...model,
    aliases,
    ambiguous_aliases: ambiguous_aliases.filter((name) => !isFile(name)),
    model_ref: isFile(model_ref) ? own ?? model_ref : model_ref,
  });
}

/** A file that cannot be used, without its path if the caller may see none. */
export function unusableFor(
  caller: Caller | undefined,
  { path, ...file }: UnusableModelView,
): UnusableModelView {
  return seesPaths(caller) && path !== undefined ? { ...file, path } : file;
}

/** @throws {LlorchError} `MODEL_NOT_FOUND` if the name is a file's path and the caller may see none */
export function checkModelName(caller: Caller | undefined, name: string): void {
  if (!isFile(name) || seesPaths(caller)) return;
  throw new LlorchError(
    "MODEL_NOT_FOUND",
    "Cannot use the path of a model's file with this API key: GET /v1/models lists the names to use",
  );
}

/** An error without paths, if its caller may see none. */
export function errorFor(error: LlorchError, caller: Caller | undefined): LlorchError {
  if (seesPaths(caller)) return error;
  const { code, message, details, retriable, retryAfterMs, cause } = error;
  return new LlorchError(code, withoutHostPaths(message), {
    ...(details === undefined ? {} : { details: forCaller(caller, details) }),
    ...defined({ retryAfterMs }),
    retriable,
    cause,
  });
}

/** Whether a name is the path of a file. */
export function isFile(name: string): boolean {
  return name.startsWith("file:");
}
