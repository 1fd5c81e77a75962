import { join } from "node:path";
import { defaultModelsDirs, personModelsDir } from "#shared/models/default_dirs.ts";
import type { Check, Finding } from "./finding.ts";

/** Longest list of names in one line. */
const MAX_NAMES = 5;

/** Lists the models in the default folders, and the demo model of a checkout. */
export const checkModels: Check = async (machine) => {
  const demo = machine.checkout === undefined ? [] : [join(machine.checkout, "catalog", "demo")];
  const dirs = [...defaultModelsDirs(machine.env), ...demo];
  const { names, problems } = await machine.findModels(dirs);
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
