import type { JobView } from "#shared/contracts/job.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Client } from "#shared/http/client.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { formatDuration } from "#shared/duration.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import type { ListOptions } from "../../../jobs/options.ts";
import { table } from "#shared/columns.ts";

/** Most jobs that the service gives at once. */
const PAGE = 500;

/** A job of a list: its output is not told. */
type ListedJob = Omit<JobView, "output">;

/** `llorch orchestrator jobs list` */
export async function run({ options }: Invocation<ListOptions>, context: Context): Promise<number> {
  const { status, model, limit = 50 } = options;
  const jobs = await fetchJobs(
    await connect(ORCHESTRATORD, options, context),
    { status, model },
    limit,
  );
  if (options.json) context.stdout.write(JSON.stringify({ tasks: jobs }) + "\n");
  else if (jobs.length === 0) context.stderr.write("There are no such jobs\n");
  else context.stdout.write(render(jobs, Date.now(), context.stdout.width));
  return EXIT.ok;
}

async function fetchJobs(
  client: Client,
  filter: Pick<ListOptions, "status" | "model">,
  limit: number,
): Promise<ListedJob[]> {
  const jobs: ListedJob[] = [];
  let cursor: string | undefined;
  do {
    const { tasks, next_cursor } = await client.call(routes.listTasks, {
      query: { ...filter, cursor, limit: Math.min(PAGE, limit - jobs.length) },
    });
    jobs.push(...tasks);
    cursor = next_cursor;
  } while (cursor !== undefined && jobs.length < limit);
  return jobs;
}

function render(jobs: readonly ListedJob[], now: number, width: number | undefined): string {
  const rows = jobs.map((job) => {
    const from = Date.parse(job.created_at);
    const end = job.ended_at === undefined ? now : Date.parse(job.ended_at);
    return [
      job.job_id,
      job.status,
      job.model,
      job.priority,
      `${formatDuration(Math.max(0, now - from))} ago`,
      formatDuration(Math.max(0, end - from)),
      job.error?.code ?? (job.usage === undefined ? "" : String(job.usage.tokens_out)),
    ];
  });
  const head = ["JOB", "STATUS", "MODEL", "CLASS", "CREATED", "TOOK", "TOKENS"];
  return table(head, rows, { width }).join("\n") + "\n";
}
