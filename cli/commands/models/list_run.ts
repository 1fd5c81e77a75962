import { dirname } from "node:path";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import {
  defaultMemory,
  findInstalled,
  type InstalledModel,
  searchDirs,
} from "../../models/installed.ts";
import { unusable } from "../../models/lookup.ts";
import { formatBytes } from "../../output/bytes.ts";
import { table } from "#shared/columns.ts";
import { painter } from "../../output/paint.ts";

/** `llorch models list` */
export async function run(
  { options }: Invocation<{ json: boolean }>,
  context: Context,
): Promise<number> {
  const { models, problems } = await findInstalled(await searchDirs(context));
  if (options.json) {
    context.stdout.write(JSON.stringify({ models: models.map(describe), problems }) + "\n");
    return EXIT.ok;
  }
  for (const problem of problems) {
    context.stderr.write(`llorch: ${problem.path}: ${(await unusable(problem)).message}\n`);
  }
  if (models.length === 0) {
    context.stderr.write("No models here; llorch models download tinyllama fetches one\n");
    return EXIT.ok;
  }
  const paint = painter(context.stdout, context);
  const lines = table(
    ["NAME", "SIZE", "FORMAT", "CONTEXT", "MEMORY", "FOLDER"],
    models.map((model) => [
      model.name,
      formatBytes(model.size_bytes),
      model.info.quantization ?? "-",
      String(model.context_length),
      formatBytes(defaultMemory(model)),
      dirname(model.path),
    ]),
    { width: context.stdout.width, head: (text) => paint("dim", text) },
  );
  context.stdout.write(lines.join("\n") + "\n");
  return EXIT.ok;
}

function describe(model: InstalledModel): Record<string, unknown> {
  return {
    name: model.name,
    model_ref: model.model_ref,
    aliases: model.aliases,
    path: model.path,
    size_bytes: model.size_bytes,
    quantisation: model.info.quantization ?? null,
    context_length: model.context_length,
    memory_bytes: defaultMemory(model),
    fingerprint: model.fingerprint,
    sha256: model.sha256 ?? null,
  };
}
