import { resolve } from "node:path";
import { EXIT } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Invocation } from "../../command.ts";
import { parseConfig } from "../../config/document.ts";
import { readEffective } from "../../config/effective.ts";
import { readConfigText } from "../../config/file.ts";
import { configPath } from "../../config/path.ts";
import type { Context } from "../../context.ts";

/** `llorch config validate` */
export function run({ args, options }: Invocation, context: Context): Promise<number> {
  const [file] = args;
  const problems = problemsOf(() => check(file, context));
  const path = file ?? configPath(context.env);
  const isOk = problems.length === 0;
  if (options["json"] === true) {
    context.stdout.write(JSON.stringify({ ok: isOk, path, problems }) + "\n");
  } else if (isOk) {
    context.stdout.write(`${path}: valid\n`);
  } else {
    context.stderr.write(problems.map((line) => `llorch: ${line}\n`).join(""));
  }
  return Promise.resolve(isOk ? EXIT.ok : EXIT.usage);
}

function check(file: string | undefined, { env, cwd }: Context): void {
  if (file === undefined) {
    readEffective(env);
    return;
  }
  const text = readConfigText(resolve(cwd, file));
  if (text === undefined) throw new UsageError(`Cannot find the file ${file}`);
  parseConfig(text, file);
}

function problemsOf(work: () => void): string[] {
  try {
    work();
    return [];
  } catch (error) {
    if (error instanceof UsageError) return error.message.split("\n");
    throw error;
  }
}
