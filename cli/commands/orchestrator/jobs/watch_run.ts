import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { watchJob } from "../../../jobs/watch.ts";

/**
 * `llorch orchestrator jobs watch`
 *
 * @returns 1 when the job fails
 */
export async function run(
  { args: [id = ""], options }: Invocation,
  context: Context,
): Promise<number> {
  const client = await connect(ORCHESTRATORD, options, context);
  return await watchJob(client, id, { options, context, isKnown: false });
}
