import { join } from "node:path";
import { defaultModelsDirs, personModelsDir } from "#shared/models/default_dirs.ts";
import type { Check, Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

/** Longest list of names in one line. */
const MAX_NAMES = 5;

/** Lists the models in the default folders, and the demo model of a checkout. */
export const checkModels: Check = async (machine) => {
  const { models, problems } = await machine.findModels(foldersOf(machine));
  const names = models.map(({ name }) => name);
  const fix = "remove the file or fetch it again";
  const broken = problems.map((message): Finding => ({
    name: "models",
    status: "warn",
    message,
    fix,
  }));
  if (names.length === 0) {
    const put = `put a GGUF file into ${personModelsDir(machine.env)}`;
    return [...broken, { name: "models", status: "warn", message: "none found", fix: put }];
  }
  const more = names.length > MAX_NAMES ? `, and ${names.length - MAX_NAMES} more` : "";
  const message = `${names.slice(0, MAX_NAMES).join(", ")}${more}`;
  return [...broken, { name: "models", status: "ok", message }];
};

/** The default folders of models, and that of the demo model in a checkout. */
export function foldersOf({ env, checkout }: Machine): string[] {
  const demo = checkout === undefined ? [] : [join(checkout, "catalog", "demo")];
  return [...defaultModelsDirs(env), ...demo];
}
