import type { FileProblem } from "#shared/config/spec.ts";
import { errorMessage } from "#shared/errors.ts";
import type { PoolConfig } from "./config.ts";

/** What is wrong with the chat templates that a configuration names: `--check-config` reads them. */
export async function checkFiles({ worker }: PoolConfig): Promise<FileProblem[]> {
  // A daemon that serves needs no parser of templates.
  const { parse } = await import("#shared/jinja/parser.ts");
  const { readTemplateFile } = await import("#shared/models/template_file.ts");
  const problems: FileProblem[] = [];
  for (const [name, { chat_template_file: path }] of Object.entries(worker.models)) {
    if (path === undefined) continue;
    const key = ["worker", "models", name, "chat_template_file"];
    try {
      const source = await readTemplateFile(path);
      try {
        parse(source);
      } catch (error) {
        problems.push({
          key,
          message: `Cannot use the chat template ${path}: ${errorMessage(error)}`,
        });
      }
    } catch (error) {
      problems.push({ key, message: errorMessage(error) });
    }
  }
  return problems;
}
