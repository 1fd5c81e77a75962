import { table } from "#shared/columns.ts";
import type { NameView } from "#shared/contracts/names.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";

/** `llorch orchestrator names list` */
export async function list(
  { options }: Invocation<{ json: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const client = await connect(ORCHESTRATORD, options, context);
  const { names } = await client.call(routes.models, { query: {} });
  const { stdout, stderr } = context;
  if (options.json) stdout.write(JSON.stringify({ names }) + "\n");
  else if (names.length === 0) stderr.write("No names are configured ([names.NAME])\n");
  else stdout.write(render(names, stdout.width));
  return EXIT.ok;
}

function render(names: readonly NameView[], width: number | undefined): string {
  const head = ["NAME", "TARGET", "FALLBACK", "ANSWERS", "CONTEXT", "PARAMETERS"];
  const rows = names.map((each) => [
    each.name,
    each.target ?? "",
    each.fallback ?? "",
    each.available ? each.answers ?? "yes" : "none",
    each.context === undefined ? "" : String(each.context),
    parametersOf(each),
  ]);
  return table(head, rows, { width }).join("\n") + "\n";
}

/** Its parameters, with a mark behind the names of those that are fixed. */
function parametersOf({ parameters = {}, fixed = [] }: NameView): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}${fixed.includes(name) ? "!" : ""}=${JSON.stringify(value)}`)
    .join(" ");
}
