import type { Client } from "#shared/http/client.ts";
import type { Context } from "../context.ts";
import { followJob } from "./follow.ts";
import type { WatchOptions } from "./options.ts";
import { printerFor } from "./printer.ts";

/**
 * Shows a job's events to its end.
 *
 * @param isKnown The job was just accepted.
 * @returns 1 when the job fails
 * @throws {LlorchError} the job's error, where it is to be shown as text
 */
export async function watchJob(
  client: Client,
  jobId: string,
  { options, context, isKnown }: {
    readonly options: WatchOptions;
    readonly context: Context;
    readonly isKnown: boolean;
  },
): Promise<number> {
  const printer = printerFor(options, jobId, context);
  const onDrop = () => {
    if (options.quiet) return;
    context.stderr.write("The connection was lost; going on where it broke off\n");
  };
  for await (const event of followJob(client, jobId, { signal: context.signal, isKnown, onDrop })) {
    printer.show(event);
  }
  return printer.exitCode();
}
