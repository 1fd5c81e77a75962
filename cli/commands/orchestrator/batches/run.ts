import { columns, table } from "#shared/columns.ts";
import type { BatchObject } from "#shared/contracts/openai/batches.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import { formatDuration } from "#shared/duration.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { idWord } from "../../../daemons/id_word.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import type { CommonOptions, ListOptions } from "./options.ts";

/** Most batches in one page of the service's list. */
const PAGE = 100;

/** The command that lists ids. */
const LIST = "llorch orchestrator batches list";

/** `llorch orchestrator batches list` */
export async function list(
  { options }: Invocation<ListOptions>,
  context: Context,
): Promise<number> {
  const client = await connect(ORCHESTRATORD, options, context);
  const batches = await fetchBatches(client, options.limit ?? 20);
  if (options.json) context.stdout.write(JSON.stringify({ batches }) + "\n");
  else if (batches.length === 0) context.stderr.write("There are no batches\n");
  else context.stdout.write(render(batches, Date.now(), context.stdout.width));
  return EXIT.ok;
}

async function fetchBatches(client: Client, limit: number): Promise<BatchObject[]> {
  const batches: BatchObject[] = [];
  while (batches.length < limit) {
    const after = batches.at(-1)?.id;
    const { data, has_more } = await client.call(routes.listBatches, {
      query: { limit: Math.min(PAGE, limit - batches.length), ...(after ? { after } : {}) },
    });
    batches.push(...data);
    if (!has_more) break;
  }
  return batches;
}

function render(batches: readonly BatchObject[], now: number, width: number | undefined): string {
  const rows = batches.map(({ id, status, endpoint, created_at, request_counts: counts }) => [
    id,
    status,
    endpoint,
    `${formatDuration(Math.max(0, now - created_at * 1000))} ago`,
    `${counts.completed + counts.failed} of ${counts.total}`,
    String(counts.failed),
  ]);
  const head = ["BATCH", "STATUS", "ENDPOINT", "CREATED", "DONE", "FAILED"];
  return table(head, rows, { width }).join("\n") + "\n";
}

/** `llorch orchestrator batches show` */
export async function show(
  { args, options }: Invocation<CommonOptions>,
  context: Context,
): Promise<number> {
  const id = idWord(args, "batch", LIST);
  const client = await connect(ORCHESTRATORD, options, context);
  const { signal, stdout } = context;
  const batch = await client.call(routes.getBatch, { params: { id } }, { signal });
  if (options.json) stdout.write(JSON.stringify(batch) + "\n");
  else stdout.write(columns(facts(batch), { width: stdout.width }).join("\n") + "\n");
  return EXIT.ok;
}

/** What is known of a batch, as rows of a name and a value. */
function facts(batch: BatchObject): string[][] {
  const { request_counts: counts } = batch;
  const times = [
    "created_at",
    "in_progress_at",
    "finalizing_at",
    "cancelling_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelled_at",
  ] as const;
  const time = (seconds: number) => new Date(seconds * 1000).toISOString();
  const ended = times.slice(4).some((name) => batch[name] !== null);
  return [
    ["batch", batch.id],
    ["status", batch.status],
    ["endpoint", batch.endpoint],
    ["requests", `${counts.total}: ${counts.completed} answered, ${counts.failed} failed`],
    ...times.flatMap((name) => {
      const at = batch[name];
      return at === null ? [] : [[name.slice(0, -3).replace("_", " "), time(at)]];
    }),
    ...(ended || batch.expires_at === null ? [] : [["expires", time(batch.expires_at)]]),
    ["input", batch.input_file_id],
    ...(batch.output_file_id === null ? [] : [["output", batch.output_file_id]]),
    ...(batch.error_file_id === null ? [] : [["errors", batch.error_file_id]]),
    ...(batch.errors?.data ?? []).map(({ code, message }) => ["error", `${code}: ${message}`]),
  ];
}

/**
 * `llorch orchestrator batches cancel`
 *
 * @returns 1 when one of them could not be cancelled; the others are
 */
export async function cancel(
  { args, options }: Invocation<CommonOptions>,
  context: Context,
): Promise<number> {
  const client = await connect(ORCHESTRATORD, options, context);
  const cancelled: BatchObject[] = [];
  let code: number = EXIT.ok;
  for (const word of args) {
    const id = idWord([word], "batch", LIST);
    try {
      cancelled.push(await client.call(routes.cancelBatch, { params: { id } }));
    } catch (error) {
      if (!(error instanceof LlorchError)) throw error;
      context.stderr.write(`llorch: ${errorMessage(error)}\n`);
      code = EXIT.failed;
    }
  }
  if (options.json) context.stdout.write(JSON.stringify({ batches: cancelled }) + "\n");
  else {
    for (const line of columns(cancelled.map(({ id, status }) => [id, status]))) {
      context.stdout.write(line + "\n");
    }
  }
  return code;
}
