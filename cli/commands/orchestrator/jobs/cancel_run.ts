import { EXIT } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { idWord } from "../../../daemons/id_word.ts";
import { cancelJob } from "../../../jobs/cancel.ts";
import { columns } from "#shared/columns.ts";

/**
 * `llorch orchestrator jobs cancel`
 *
 * @returns 1 when one of them could not be cancelled; the others are
 */
export async function run(
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
