import { parseToml } from "#shared/config/toml.ts";
import { AGENT_CONTEXT, DEFAULT_CONTEXT } from "#shared/defaults.ts";
import { isRecord } from "#shared/json.ts";
import type { Check, Finding } from "./finding.ts";
import type { DoctorModel, Machine } from "./machine.ts";
import { foldersOf } from "./models.ts";

/** Where pool-managerd reads its configuration by default. */
const CONFIG = "/etc/llorch/pool-manager.toml";

/** Names of models in one line, at most. */
const MAX_NAMES = 5;

/** Warns of models whose context is set too short for agents, which fail with their first prompt. */
export const checkContext: Check = async (machine) => {
  const [{ models }, configured, workers] = await Promise.all([
    machine.findModels(foldersOf(machine)),
    configuredContext(machine),
    machine.workers(),
  ]);
  const name = "context";
  const short: string[] = [];
  const own: string[] = [];
  for (const model of models) {
    const context = workers.find(({ model_ref }) => model_ref === model.ref)?.context ??
      defaultContext(model, configured);
    if (context >= AGENT_CONTEXT) continue;
    if (isOwn(model)) own.push(`${model.name} has ${model.contextLength}, its own`);
    else short.push(`${model.name} has ${context}${outOf(model)}`);
  }
  const need = (list: readonly string[]) => {
    const more = list.length > MAX_NAMES ? `, and ${list.length - MAX_NAMES} more` : "";
    return `agents need ${AGENT_CONTEXT} tokens: ${list.slice(0, MAX_NAMES).join(", ")}${more}`;
  };
  const fix = 'set worker.default_context in pool-manager.toml to "auto" or a number, ' +
    "or give deno task up --context";
  const findings: Finding[] = [
    ...(short.length > 0 ? [{ name, status: "warn" as const, message: need(short), fix }] : []),
    ...(own.length > 0 ? [{ name, status: "ok" as const, message: need(own) }] : []),
  ];
  if (findings.length > 0 || models.length === 0) return findings;
  return [{ name, status: "ok", message: "enough for agents" }];
};

/** Tokens per slot of a load that does not name them; what fits is known only to a running pool manager. */
function defaultContext({ contextLength }: DoctorModel, configured: number | "auto"): number {
  if (configured === "auto") return contextLength || DEFAULT_CONTEXT;
  return Math.min(contextLength || configured, configured);
}

/** Whether no setting can make a model's context long enough. */
function isOwn({ contextLength }: DoctorModel): boolean {
  return contextLength > 0 && contextLength < AGENT_CONTEXT;
}

function outOf({ contextLength }: DoctorModel): string {
  return contextLength > 0 ? ` of ${contextLength}` : "";
}

/** `worker.default_context`; a file that cannot be read is another check's finding. */
async function configuredContext(machine: Machine): Promise<number | "auto"> {
  const text = await machine.readText(CONFIG);
  try {
    const worker = text === undefined ? undefined : parseToml(text, CONFIG)["worker"];
    const context = isRecord(worker) ? worker["default_context"] : undefined;
    return context === "auto" ? context : Number(context ?? DEFAULT_CONTEXT) || DEFAULT_CONTEXT;
  } catch {
    return DEFAULT_CONTEXT;
  }
}
