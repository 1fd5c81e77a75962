import { resolve } from "node:path";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import { settings } from "../../config/settings.ts";
import type { Context } from "../../context.ts";
import { alreadyThere, type Downloaded, downloadModel } from "../../models/download.ts";
import { hubSettings } from "../../models/hub.ts";
import { downloadTarget } from "../../models/target.ts";
import { formatBytes } from "../../output/bytes.ts";

/** `llorch models download` */
export async function run(
  { args, options }: Invocation<
    { dir: string | undefined; force: boolean; json: boolean; quiet: boolean }
  >,
  context: Context,
): Promise<number> {
  const [word = ""] = args;
  const target = downloadTarget(word);
  const dir = options.dir === undefined
    ? (await settings(context)).models.dir
    : resolve(context.cwd, options.dir);
  const isForced = options.force;
  const isQuiet = options.quiet;
  try {
    const done = isForced ? undefined : await alreadyThere(target, dir);
    const hub = done ? undefined : await hubSettings(context.env);
    report(
      done ?? await downloadModel({ hub: hub!, target, dir, isForced, isQuiet }, context),
      options.json,
      isQuiet,
      context,
    );
    return EXIT.ok;
  } catch (error) {
    if (!context.signal.aborted) throw error;
    context.stderr.write("Interrupted: the same command goes on where this one stopped\n");
    return EXIT.interrupted;
  }
}

function report(
  done: Downloaded,
  isJson: boolean,
  isQuiet: boolean,
  { stdout, stderr }: Context,
): void {
  if (isJson) stdout.write(JSON.stringify(done) + "\n");
  else stdout.write(done.path + "\n");
  if (isQuiet || isJson) return;
  const how = done.verified ? "verified" : "not verified: the hub announces no hash for it";
  const what = done.already ? "is there already" : "is here";
  stderr.write(`${done.id} ${what}, ${formatBytes(done.size_bytes)}, ${how}\n`);
}
