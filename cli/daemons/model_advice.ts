import { dirname } from "node:path";
import type { Context } from "../context.ts";
import { catalogModel } from "../models/catalog.ts";
import { findModel } from "../models/lookup.ts";

/**
 * What to do about a model that a pool manager, or a worker of its own, does not find: it may lie on
 * this machine all the same.
 *
 * @param name As the person typed it.
 */
export async function modelAdvice(name: string, context: Context): Promise<string> {
  const here = await findModel(name, context).catch(() => undefined);
  if (here !== undefined) {
    return `it is in ${dirname(here.path)} on this machine: start the pool manager with that ` +
      "folder among its --models-dirs, or ask again in a few seconds when the model is new there";
  }
  if (name.startsWith("hf:") || catalogModel(name)?.source !== undefined) {
    return `llorch models download ${name} fetches it`;
  }
  return "llorch models list and llorch models catalog show what there is";
}
