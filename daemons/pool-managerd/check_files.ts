import type { FileProblem } from "#shared/config/spec.ts";
import { errorMessage } from "#shared/errors.ts";
import { trusting } from "#shared/http/tls.ts";
import { isOutside } from "#shared/net/server_url.ts";
import { readSecretFile } from "#shared/secrets.ts";
import type { PoolConfig } from "./config.ts";

/** What is wrong with the files that a configuration names: `--check-config` reads them. */
export async function checkFiles(config: PoolConfig): Promise<FileProblem[]> {
  return [...await checkTemplates(config), ...checkExtraFiles(config), ...checkServers(config)];
}

/** Lines about servers elsewhere: where the prompts of which models go. */
export function describeServers({ engines }: Pick<PoolConfig, "engines">): string[] {
  return Object.entries(engines).flatMap(([name, { url, models }]) => {
    if (url === undefined) return [];
    const { host, protocol } = new URL(url);
    const where = isOutside(url) ? `leave this network: they go to ${host}` : `go to ${host}`;
    const how = protocol === "http:" ? ", unencrypted" : "";
    return [`engines.${name}: prompts and answers of ${models.join(", ")} ${where}${how}`];
  });
}

/** Adapters and draft models, which must at least be there. */
function checkExtraFiles({ worker }: PoolConfig): FileProblem[] {
  return Object.entries(worker.models).flatMap(([name, { lora = {}, draft_model }]) => {
    const key = ["worker", "models", name];
    const files: [keys: string[], path: string][] = Object.entries(lora)
      .map(([each, path]) => [["lora", each], path]);
    if (draft_model !== undefined) files.push([["draft_model"], draft_model]);
    return files.flatMap(([keys, path]) =>
      problemOf([...key, ...keys], path, () => {
        if (!Deno.statSync(path).isFile) throw new Error(`${path} is no file`);
      })
    );
  });
}

/** The keys and certificates of servers elsewhere. */
export function checkServers({ engines }: PoolConfig): FileProblem[] {
  return Object.entries(engines).flatMap(([name, { api_key_file, ca_file }]) => [
    ...problemOf(["engines", name, "api_key_file"], api_key_file, (path) => {
      readSecretFile(path, "API key file");
    }),
    ...problemOf(["engines", name, "ca_file"], ca_file, (path) => trusting(path)?.close()),
  ]);
}

function problemOf(
  key: readonly string[],
  path: string | undefined,
  read: (path: string) => void,
): FileProblem[] {
  if (path === undefined) return [];
  try {
    read(path);
    return [];
  } catch (error) {
    return [{ key, message: errorMessage(error) }];
  }
}

async function checkTemplates({ worker }: PoolConfig): Promise<FileProblem[]> {
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
