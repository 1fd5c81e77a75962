import { table } from "#shared/columns.ts";
import type { ClusterView } from "#shared/contracts/cluster.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import { formatDuration } from "#shared/duration.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { connect } from "../../daemons/connect.ts";
import { ORCHESTRATORD } from "../../daemons/kind.ts";

/**
 * `llorch orchestrator cluster`
 *
 * @returns 1 while none of several orchestrators leads
 */
export async function cluster(
  { options }: Invocation<{ json: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const client = await connect(ORCHESTRATORD, options, context);
  const view = await client.call(routes.cluster, {}, { signal: context.signal });
  const { stdout, stderr } = context;
  if (options.json) stdout.write(JSON.stringify(view) + "\n");
  else {
    stdout.write(renderCluster(view, stdout.width));
    for (const note of notesOn(view)) stderr.write(note + "\n");
  }
  return view.leader === undefined ? EXIT.failed : EXIT.ok;
}

/** A line for each orchestrator, under a head. */
export function renderCluster({ replicas }: ClusterView, width: number | undefined): string {
  const head = ["NAME", "ROLE", "STATE", "VERSION", "START", "SETTINGS", "URL"];
  const rows = replicas.map((each) => [
    each.replica_id,
    each.role,
    each.state === "silent" && each.left_ms !== undefined
      ? `silent for ${formatDuration(Math.max(0, -each.left_ms))}`
      : each.state,
    each.version,
    String(each.start),
    each.has_leaders_settings ? "same" : "differ",
    each.url,
  ]);
  return table(head, rows, { width }).join("\n") + "\n";
}

/** What a table does not say by itself, one line each. */
export function notesOn({ is_alone, leader, replicas }: ClusterView): string[] {
  if (is_alone) return ["It is alone: several orchestrators need store.url, a PostgreSQL database"];
  const others = replicas.filter((each) => !each.has_leaders_settings);
  const names = others.map(({ replica_id }) => replica_id).join(", ");
  return [
    ...(leader === undefined ? ["None of them leads: requests wait, then get 503"] : []),
    ...(others.length === 0
      ? []
      : [`Other settings than the leader's: ${names}; they would count if one of these led`]),
  ];
}
