import { resolve } from "node:path";
import { EXIT } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { closest } from "#shared/text.ts";
import type { Invocation } from "../../command.ts";
import { KEY_NAMES, variableOf } from "../../config/defaults.ts";
import { parseConfig } from "../../config/document.ts";
import { readEffective } from "../../config/effective.ts";
import { readConfigText } from "../../config/file.ts";
import { configPath } from "../../config/path.ts";
import type { Context } from "../../context.ts";

/** `llorch config validate` */
export async function validate(
  { args, options }: Invocation<{ json: boolean }>,
  context: Context,
): Promise<number> {
  const [file] = args;
  const problems = await problemsOf(() => check(file, context));
  const path = file ?? configPath(context.env);
  const isOk = problems.length === 0;
  const warnings = file === undefined ? misspelt(context.envNames()) : [];
  if (options.json) {
    context.stdout.write(JSON.stringify({ ok: isOk, path, problems, warnings }) + "\n");
  } else if (isOk) {
    context.stdout.write(`${path}: valid\n`);
  } else {
    context.stderr.write(problems.map((line) => `llorch: ${line}\n`).join(""));
  }
  if (!options.json) {
    for (const line of warnings) context.stderr.write(`llorch: ${line}\n`);
  }
  return isOk ? EXIT.ok : EXIT.usage;
}

/** Warns of names that look like misspelt settings. Other unknown names may belong to a daemon. */
function misspelt(names: readonly string[]): string[] {
  const known = KEY_NAMES.map(variableOf);
  return names.flatMap((name) => {
    if (!name.startsWith("LLORCH_") || known.includes(name) || OF_DAEMONS.has(name)) return [];
    const near = closest(name, known);
    return near === undefined ? [] : [`${name} is not a variable of llorch; did you mean ${near}?`];
  });
}

/** Variables of daemons that look like misspelt ones of ours. */
const OF_DAEMONS: ReadonlySet<string> = new Set(["LLORCH_MODELS_DIRS"]);

async function check(file: string | undefined, { env, cwd }: Context): Promise<void> {
  if (file === undefined) {
    await readEffective(env);
    return;
  }
  const text = readConfigText(resolve(cwd, file));
  if (text === undefined) throw new UsageError(`Cannot find the file ${file}`);
  await parseConfig(text, file);
}

async function problemsOf(work: () => Promise<void>): Promise<string[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (error instanceof UsageError) return error.message.split("\n");
    throw error;
  }
}
