import { columns } from "#shared/columns.ts";
import { EXIT } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { findInstalled, searchDirs } from "../../models/installed.ts";
import {
  findModel,
  findProblem,
  modelNotHere,
  type Problem,
  unusable,
} from "../../models/lookup.ts";
import { type Verdict, verifyModel } from "../../models/verify.ts";
import { type Colour, painter } from "../../output/paint.ts";

const COLOURS: Readonly<Record<Verdict["status"], Colour>> = {
  ok: "green",
  unknown: "yellow",
  broken: "red",
};

/**
 * `llorch models verify`
 *
 * @throws {UsageError} unless there is one model, or `--all`
 */
export async function verify(
  { args, options }: Invocation<{ all: boolean; json: boolean; quiet: boolean }>,
  context: Context,
): Promise<number> {
  const [word] = args;
  const { all, json: isJson, quiet: isQuiet } = options;
  if ((word === undefined) !== all) {
    throw new UsageError("Give one model, or --all");
  }
  const verdicts: Verdict[] = [];
  for (const model of await chosen(word, verdicts, context)) {
    verdicts.push(await verifyModel(model, isQuiet, context));
  }
  if (isJson) {
    context.stdout.write(JSON.stringify({ models: verdicts }) + "\n");
  } else {
    const paint = painter(context.stdout, context);
    const shown = verdicts.filter(({ status }) => !isQuiet || status === "broken");
    const lines = columns(shown.map(({ status, name, message }) => [status, name, message]), {
      width: context.stdout.width,
    });
    for (const [index, line] of lines.entries()) {
      const { status } = shown[index]!;
      context.stdout.write(paint(COLOURS[status], status) + line.slice(status.length) + "\n");
    }
  }
  return verdicts.some(({ status }) => status === "broken") ? EXIT.failed : EXIT.ok;
}

/** The models to verify. Those that cannot be read are added to `verdicts` as broken. */
async function chosen(word: string | undefined, verdicts: Verdict[], context: Context) {
  if (word !== undefined) {
    const model = await findModel(word, context).catch(async (error) => {
      const { problems } = await findInstalled(await searchDirs(context));
      const problem = await findProblem(word, problems);
      if (problem === undefined) throw error;
      verdicts.push(await unreadable(problem));
    });
    if (model === undefined && verdicts.length === 0) throw modelNotHere(word);
    return model === undefined ? [] : [model];
  }
  const { models, problems } = await findInstalled(await searchDirs(context));
  for (const problem of problems) verdicts.push(await unreadable(problem));
  return models;
}

async function unreadable(problem: Problem): Promise<Verdict> {
  const { path } = problem;
  const { message } = await unusable(problem);
  return { name: path, path, status: "broken", sha256: null, message };
}
