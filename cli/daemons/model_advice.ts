import { dirname } from "node:path";
import type { Context } from "../context.ts";
import { catalogModel } from "../models/catalog.ts";
import { findModel } from "../models/lookup.ts";

/**
 * What to do about a model that a pool manager or a standalone worker does not find. It may still
 * be on this machine.
 *
 * @param name As the person typed it.
 */
export async function modelAdvice(name: string, context: Context): Promise<string> {
  const here = await findModel(name, context).catch(() => undefined);
  if (here !== undefined) {
    return `it is in ${dirname(here.path)} on this machine: start the pool manager with that ` +
      "folder among its --models-dirs, or try again in a few seconds if the model is new there";
  }
  if (name.startsWith("hf:") || catalogModel(name)?.source !== undefined) {
    return `llorch models download ${name} fetches it`;
  }
  return "llorch models list and llorch models catalog show what there is";
}
