import { columns, table } from "#shared/columns.ts";
import type { JobView } from "#shared/contracts/job.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import { formatDuration } from "#shared/duration.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import { timeline } from "#shared/jobs/timeline.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { idWord } from "../../../daemons/id_word.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { cancelJob } from "../../../jobs/cancel.ts";
import type { ListOptions } from "../../../jobs/options.ts";

/** Most jobs in one page of the service's list. */
const PAGE = 500;

/** A job in a list: without its answer. */
type ListedJob = Omit<JobView, "output" | "reasoning" | "tool_calls">;

/** `llorch orchestrator jobs list` */
export async function list(
  { options }: Invocation<ListOptions>,
  context: Context,
): Promise<number> {
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
      job.owner ?? "",
      job.priority,
      `${formatDuration(Math.max(0, now - from))} ago`,
      formatDuration(Math.max(0, end - from)),
      job.error?.code ?? (job.usage === undefined ? "" : String(job.usage.tokens_out)),
    ];
  });
  const head = ["JOB", "STATUS", "MODEL", "OWNER", "CLASS", "CREATED", "TOOK", "TOKENS"];
  return table(head, rows, { width }).join("\n") + "\n";
}

/** `llorch orchestrator jobs show` */
export async function show(
  { args, options }: Invocation<{ json: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const id = idWord(args, "job", "llorch orchestrator jobs list");
  const client = await connect(ORCHESTRATORD, options, context);
  const { signal, stdout } = context;
  const job = await client.call(routes.getTask, { params: { id } }, { signal });
  if (options.json) {
    stdout.write(JSON.stringify(job) + "\n");
    return EXIT.ok;
  }
  const head = columns([["job", job.job_id], ["model", job.model], ["class", job.priority]], {
    width: stdout.width,
  });
  const events = columns(timeline(job), { width: stdout.width });
  const thoughts = job.reasoning === undefined ? [] : ["", "Thoughts:", job.reasoning];
  const output = job.output === undefined ? [] : ["", job.output];
  const calls = (job.tool_calls ?? []).flatMap(({ function: { name, arguments: given } }) => [
    "",
    `Call of ${name}:`,
    given,
  ]);
  stdout.write([...head, "", ...events, ...thoughts, ...output, ...calls].join("\n") + "\n");
  return EXIT.ok;
}

/**
 * `llorch orchestrator jobs cancel`
 *
 * @returns 1 when one of them could not be cancelled; the others are
 */
export async function cancel(
  { args, options }: Invocation<{ json: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const client = await connect(ORCHESTRATORD, options, context);
  const ended: { job_id: string; status: string }[] = [];
  let code: number = EXIT.ok;
  for (const word of args) {
    const job_id = idWord([word], "job", "llorch orchestrator jobs list");
    try {
      ended.push({ job_id, status: await cancelJob(client, job_id) });
    } catch (error) {
      if (!(error instanceof LlorchError)) throw error;
      context.stderr.write(`llorch: ${errorMessage(error)}\n`);
      code = EXIT.failed;
    }
  }
  if (options.json) context.stdout.write(JSON.stringify({ tasks: ended }) + "\n");
  else {
    for (const line of columns(ended.map(({ job_id, status }) => [job_id, status]))) {
      context.stdout.write(line + "\n");
    }
  }
  return code;
}
