import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { idWord } from "../../../daemons/id_word.ts";
import { timeline } from "#shared/jobs/timeline.ts";
import { columns } from "#shared/columns.ts";

/** `llorch orchestrator jobs show` */
export async function run(
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
  const output = job.output === undefined ? [] : ["", job.output];
  stdout.write([...head, "", ...events, ...output].join("\n") + "\n");
  return EXIT.ok;
}
