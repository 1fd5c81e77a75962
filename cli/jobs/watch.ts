import type { Client } from "#shared/http/client.ts";
import type { Context } from "../context.ts";
import { followJob } from "./follow.ts";
import type { WatchOptions } from "./options.ts";
import { printerFor } from "./printer.ts";

/**
 * Shows a job's events until it ends.
 *
 * @param isKnown Whether the job was just accepted.
 * @returns 1 when the job fails
 * @throws {LlorchError} the job's error, where it is shown as text
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
    context.stderr.write("The connection was lost; connecting again and continuing from there\n");
  };
  for await (const event of followJob(client, jobId, { signal: context.signal, isKnown, onDrop })) {
    printer.show(event);
  }
  return printer.exitCode();
}
