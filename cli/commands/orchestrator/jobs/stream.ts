import { onAbort } from "#shared/aborts.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { idWord } from "../../../daemons/id_word.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { cancelJob } from "../../../jobs/cancel.ts";
import type { SubmitOptions, WatchOptions } from "../../../jobs/options.ts";
import { readImage, readSound } from "../../../jobs/read_media.ts";
import { submissionOf } from "../../../jobs/request.ts";
import { watchJob } from "../../../jobs/watch.ts";
import { OutputClosed } from "../../../output/process_output.ts";

/** After an interrupt, longest wait for the id of the job to cancel, in milliseconds. */
const ACCEPT_GRACE_MS = 2_000;

/**
 * `llorch orchestrator jobs submit`
 *
 * @param readInput Reads stdin; replaced in tests.
 * @returns 1 when the job fails, 130 when it was interrupted
 */
export async function submit(
  { args: [word = ""], options }: Invocation<SubmitOptions>,
  context: Context,
  readInput: () => Promise<string> = readStdin,
): Promise<number> {
  const prompt = word === "-" ? await readInput() : word;
  const media = await Promise.all([
    ...(options.image ?? []).map(readImage),
    ...(options.audio ?? []).map(readSound),
  ]);
  const submission = submissionOf(prompt, options, media);
  const client = await connect(ORCHESTRATORD, options, context);
  const { signal } = context;
  const accepted = await client.call(routes.submit, submission, {
    signal: later(signal, ACCEPT_GRACE_MS),
  });
  const id = accepted.job_id;
  try {
    signal.throwIfAborted();
    if (options.detach) {
      const text = options.json ? JSON.stringify(accepted) : id;
      context.stdout.write(text + "\n");
      return EXIT.ok;
    }
    return await watchJob(client, id, { options, context, isKnown: true });
  } catch (error) {
    const isInterrupted = signal.aborted;
    // Nobody reads the answer any more: `… | head -1`.
    if (isInterrupted || error instanceof OutputClosed) {
      await leave(client, id, context, options.quiet);
    }
    if (isInterrupted) return EXIT.interrupted;
    throw error;
  }
}

async function leave(client: Client, id: string, { stderr }: Context, isQuiet: boolean) {
  try {
    const status = await cancelJob(client, id);
    if (!isQuiet) stderr.write(`\nJob ${id}: ${status}\n`);
  } catch (error) {
    stderr.write(`\nllorch: Cannot cancel job ${id}: ${errorMessage(error)}\n`);
  }
}

/** A signal that aborts some time after another. */
function later(signal: AbortSignal, ms: number): AbortSignal {
  const late = new AbortController();
  onAbort(signal, () => Deno.unrefTimer(setTimeout(() => late.abort(signal.reason), ms)));
  return late.signal;
}

async function readStdin(): Promise<string> {
  return await new Response(Deno.stdin.readable).text();
}

/**
 * `llorch orchestrator jobs watch`
 *
 * @returns 1 when the job fails
 */
export async function watch(
  { args, options }: Invocation<WatchOptions>,
  context: Context,
): Promise<number> {
  const id = idWord(args, "job", "llorch orchestrator jobs list");
  const client = await connect(ORCHESTRATORD, options, context);
  return await watchJob(client, id, { options, context, isKnown: false });
}
