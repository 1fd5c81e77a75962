import { table } from "#shared/columns.ts";
import { EXIT } from "#shared/defaults.ts";
import type { CatalogModel } from "#shared/models/catalog.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { readCatalog } from "../../models/catalog.ts";
import { formatBytes } from "../../output/bytes.ts";
import { painter } from "../../output/paint.ts";

/** `llorch models catalog` */
export function catalog(
  { options }: Invocation<{ json: boolean }>,
  context: Context,
): Promise<number> {
  const models = readCatalog();
  if (options.json) {
    context.stdout.write(JSON.stringify({ models }) + "\n");
    return Promise.resolve(EXIT.ok);
  }
  const paint = painter(context.stdout, context);
  const lines = table(
    ["ID", "PARAMETERS", "FORMAT", "SIZE", "MEMORY", "CONTEXT", "LICENCE"],
    models.map(row),
    { width: context.stdout.width, head: (text) => paint("dim", text) },
  );
  context.stdout.write(lines.join("\n") + "\n");
  return Promise.resolve(EXIT.ok);
}

function row(model: CatalogModel): string[] {
  return [
    model.id,
    formatCount(model.parameters),
    model.quantisation,
    model.size_bytes === undefined ? "-" : formatBytes(model.size_bytes),
    `${model.memory_gib.toFixed(1)} GiB`,
    String(model.context),
    model.licence,
  ];
}

function formatCount(parameters: number): string {
  const [value, unit] = parameters < 1e9 ? [parameters / 1e6, "M"] : [parameters / 1e9, "B"];
  return `${value >= 100 ? Math.round(value) : value.toFixed(1)}${unit}`;
}
