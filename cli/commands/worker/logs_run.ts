import { EXIT } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { connect } from "../../daemons/connect.ts";
import { POOL_MANAGERD } from "../../daemons/kind.ts";
import { idWord } from "../../daemons/id_word.ts";
import { followLogs, readLogs } from "../../daemons/worker_logs.ts";

/** `llorch worker logs` */
export async function run(
  { args, options }: Invocation<{ follow: boolean; json: boolean; url: string | undefined }>,
  context: Context,
): Promise<number> {
  const id = idWord(args, "worker", "llorch worker list");
  const { signal, stdout, stderr } = context;
  const isJson = options.json;
  if (isJson && options.follow) {
    throw new UsageError("--json is one document: leave out --follow; the lines are JSON already");
  }
  const client = await connect(POOL_MANAGERD, options, context);
  if (!options.follow) {
    const lines = await readLogs(client, id, signal);
    if (isJson) stdout.write(JSON.stringify({ lines }) + "\n");
    else lines.forEach((line) => stdout.write(line + "\n"));
    return EXIT.ok;
  }
  const exit = await followLogs(client, id, {
    line: (text) => stdout.write(text + "\n"),
    gap: () => stderr.write("Some lines came faster than they could be read\n"),
  }, signal);
  const how = exit === undefined ? "" : `: ${exit.signal ?? `code ${exit.exit_code}`}`;
  stderr.write(`Worker ${id} has ended${how}\n`);
  return EXIT.ok;
}
