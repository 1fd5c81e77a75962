import { resolve } from "node:path";
import { EXIT } from "#shared/defaults.ts";
import { defined } from "#shared/json.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { isReference, parseReference } from "#shared/models/reference.ts";
import type { Invocation } from "../../command.ts";
import { settings } from "../../config/settings.ts";
import type { Context } from "../../context.ts";
import { addModel } from "../../models/add.ts";
import { findSource } from "../../models/add_source.ts";
import { deletablePaths, removeModel } from "../../models/delete.ts";
import {
  addProjector,
  alreadyThere,
  type Downloaded,
  downloadModel,
} from "../../models/download.ts";
import { hubSettings } from "../../models/hub.ts";
import { downloadTarget } from "../../models/target.ts";
import { ask } from "#shared/ask.ts";
import { formatBytes } from "../../output/bytes.ts";

/** `llorch models download` */
export async function download(
  { args, options }: Invocation<
    { dir: string | undefined; force: boolean; json: boolean; quiet: boolean }
  >,
  context: Context,
): Promise<number> {
  const [word = ""] = args;
  const { force: isForced, json: isJson, quiet: isQuiet } = options;
  const target = downloadTarget(word);
  const dir = options.dir === undefined
    ? (await settings(context)).models.dir
    : resolve(context.cwd, options.dir);
  try {
    const there = isForced ? undefined : await alreadyThere(target, dir);
    const order = { hub: await hubSettings(context.env), target, dir, isForced, isQuiet };
    const done = there
      ? await addProjector(there, order, context)
      : await downloadModel(order, context);
    report(done, isJson, isQuiet, context);
    return EXIT.ok;
  } catch (error) {
    if (!context.signal.aborted) throw error;
    context.stderr.write("Interrupted: run the same command again to continue\n");
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
  const what = done.already ? "is already there" : "is downloaded";
  stderr.write(`${done.id} ${what}, ${formatBytes(done.size_bytes)}, ${how}\n`);
}

/**
 * `llorch models delete`
 *
 * @throws {UsageError} if it must ask and there is no terminal
 */
export async function deleteModel(
  { args: [word = ""], options }: Invocation<{ quiet: boolean; yes: boolean }>,
  context: Context,
): Promise<number> {
  const { paths, bytes, name } = await deletablePaths(word, context);
  const what = `${name} (${formatBytes(bytes)}: ${paths.join(", ")})`;
  if (!options.yes) {
    if (!context.isInteractive) {
      throw new UsageError(`Cannot ask whether to remove ${what}: add --yes`);
    }
    if (!await ask(`Remove ${what}?`, false, context)) {
      context.stderr.write("Nothing was removed\n");
      return EXIT.failed;
    }
  }
  await removeModel(paths);
  if (!options.quiet) context.stderr.write(`Removed ${what}\n`);
  return EXIT.ok;
}

/**
 * `llorch models add`
 *
 * @throws {UsageError} if the name is not one
 */
export async function add(
  { args, options }: Invocation<{ json: boolean; name: string | undefined; quiet: boolean }>,
  context: Context,
): Promise<number> {
  const [word = ""] = args;
  const { name, json: isJson, quiet: isQuiet } = options;
  if (name !== undefined && !isName(name)) {
    throw new UsageError(
      `--name must be a name without colon or slash: current value is "${name}"`,
    );
  }
  const { models: { dir, dirs } } = await settings(context);
  const source = await findSource(word, context);
  const added = await addModel(source, {
    dir,
    dirs,
    isQuiet,
    ...defined({ name }),
  }, context);
  if (isJson) context.stdout.write(JSON.stringify(added) + "\n");
  else context.stdout.write(added.path + "\n");
  if (!isQuiet && !isJson) {
    const names = [added.id, ...added.aliases].join(", also as ");
    context.stderr.write(`Known as ${names} (${HOW[added.how]})\n`);
  }
  return EXIT.ok;
}

const HOW = {
  here: "it stays where it is",
  link: "a hard link, which takes no extra space",
  copy: "a copy: the folders are on different disks",
} as const;

function isName(text: string): boolean {
  return isReference(text) && parseReference(text).kind === "name" && !/[:/]/.test(text);
}
