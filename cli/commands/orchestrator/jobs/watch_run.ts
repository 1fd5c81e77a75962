import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { idWord } from "../../../daemons/id_word.ts";
import type { WatchOptions } from "../../../jobs/options.ts";
import { watchJob } from "../../../jobs/watch.ts";

/**
 * `llorch orchestrator jobs watch`
 *
 * @returns 1 when the job fails
 */
export async function run(
  { args, options }: Invocation<WatchOptions>,
  context: Context,
): Promise<number> {
  const id = idWord(args, "job", "llorch orchestrator jobs list");
  const client = await connect(ORCHESTRATORD, options, context);
  return await watchJob(client, id, { options, context, isKnown: false });
}
