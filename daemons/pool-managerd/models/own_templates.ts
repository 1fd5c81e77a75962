import { errorMessage } from "#shared/errors.ts";
import type { FoundModel, ScanResult } from "#shared/models/scan.ts";
import { readTemplateFile, withTemplate } from "#shared/models/template_file.ts";
import type { PoolConfig } from "../config.ts";
import { engineOf } from "../engines.ts";
import { settingsOf } from "./load_memory.ts";

/**
 * Gives models for which a chat template is configured an identity of their own, the one that their
 * workers report: so that a copy with another template is another model. A model whose template cannot
 * be used could not be loaded, and becomes a problem.
 *
 * @param read Reads a template; throws an error that names its file.
 */
export async function withOwnTemplates(
  found: ScanResult,
  { worker, engines }: Pick<PoolConfig, "worker" | "engines">,
  read: (path: string) => Promise<string> = readTemplateFile,
): Promise<ScanResult> {
  const models: FoundModel[] = [];
  const problems = [...found.problems];
  for (const model of found.models) {
    const { model_ref, aliases, path, fingerprint } = model;
    const { chat_template_file: file } = settingsOf([model_ref, ...aliases], worker);
    if (file === undefined || engineOf(model, engines)) {
      models.push(model);
      continue;
    }
    try {
      models.push({ ...model, fingerprint: withTemplate(fingerprint, await read(file)) });
    } catch (error) {
      problems.push({ path, message: errorMessage(error) });
    }
  }
  return { models, problems };
}
