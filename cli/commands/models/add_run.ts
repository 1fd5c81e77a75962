import { EXIT } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { isReference, parseReference } from "#shared/models/reference.ts";
import type { Invocation } from "../../command.ts";
import { settings } from "../../config/settings.ts";
import type { Context } from "../../context.ts";
import { addModel } from "../../models/add.ts";
import { findSource } from "../../models/add_source.ts";

/** `llorch models add` */
export async function run(
  { args, options }: Invocation<{ json: boolean; name: string | undefined; quiet: boolean }>,
  context: Context,
): Promise<number> {
  const [word = ""] = args;
  const name = options.name;
  if (name !== undefined && !isName(name)) {
    throw new UsageError(
      `--name must be a name without colon or slash: current value is "${name}"`,
    );
  }
  const isQuiet = options.quiet;
  const { models: { dir, dirs } } = await settings(context);
  const source = await findSource(word, context);
  const added = await addModel(source, {
    dir,
    dirs,
    isQuiet,
    ...(name === undefined ? {} : { name }),
  }, context);
  if (options.json) context.stdout.write(JSON.stringify(added) + "\n");
  else context.stdout.write(added.path + "\n");
  if (!isQuiet && !options.json) {
    const names = [added.id, ...added.aliases].join(", also as ");
    context.stderr.write(`Known as ${names} (${HOW[added.how]})\n`);
  }
  return EXIT.ok;
}

const HOW = {
  here: "it stays where it is",
  link: "the same file under a second name: it takes no more space",
  copy: "a copy: the folders are on different disks",
} as const;

function isName(text: string): boolean {
  return isReference(text) && parseReference(text).kind === "name" && !/[:/]/.test(text);
}
