import { dirname } from "node:path";
import { columns, table } from "#shared/columns.ts";
import { EXIT } from "#shared/defaults.ts";
import type { CatalogModel } from "#shared/models/catalog.ts";
import { defaultLoad, type LoadSize } from "#shared/models/default_load.ts";
import { estimateMemory, type Load } from "#shared/models/estimate.ts";
import { readManifest } from "#shared/models/manifest.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { catalogModel } from "../../models/catalog.ts";
import {
  defaultMemory,
  findInstalled,
  type InstalledModel,
  searchDirs,
} from "../../models/installed.ts";
import { askMemory } from "../../models/memory.ts";
import { findModel, modelNotHere, unusable } from "../../models/lookup.ts";
import { formatBytes } from "../../output/bytes.ts";
import { painter } from "../../output/paint.ts";

/** `llorch models list` */
export async function list(
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
    memory_source: "formula",
    fingerprint: model.fingerprint,
    sha256: model.sha256 ?? null,
  };
}

/**
 * `llorch models info`
 *
 * @throws {LlorchError} if there is no such model, here or in the catalog
 */
export async function info(
  { args, options }: Invocation<
    { context: number | undefined; json: boolean; slots: number | undefined }
  >,
  context: Context,
): Promise<number> {
  const [word = ""] = args;
  const { json, ...asked } = options;
  const model = await findModel(word, context);
  const known = catalogModel(word);
  if (model === undefined && known === undefined) throw modelNotHere(word);
  const facts = model ? await installedFacts(model, asked, context) : catalogFacts(known!);
  if (json) {
    context.stdout.write(JSON.stringify(facts) + "\n");
    return EXIT.ok;
  }
  const rows = Object.entries(facts)
    .flatMap(([key, value]) =>
      value === null ? [] : [[key.replace(/_bytes$/, "").replaceAll("_", " "), show(key, value)]]
    );
  context.stdout.write(columns(rows, { width: context.stdout.width }).join("\n") + "\n");
  if (model === undefined) {
    context.stderr.write(`Not on this machine; llorch models download ${word} fetches it\n`);
  }
  return EXIT.ok;
}

type Facts = Record<string, string | number | boolean | null | readonly string[]>;

async function installedFacts(
  model: InstalledModel,
  asked: { readonly [K in keyof Load]: number | undefined },
  context: Context,
): Promise<Facts> {
  const { info } = model;
  const manifest = await readManifest(model.path);
  const usual = defaultLoad(model);
  const load = { context: asked.context ?? usual.context, slots: asked.slots ?? usual.slots };
  const isOther = asked.context !== undefined || asked.slots !== undefined;
  const said = await askMemory(model, load, context);
  const measured = "memory" in said
    ? { ...load, memory_bytes: said.memory.device_bytes }
    : undefined;
  const memory = (of: LoadSize) => estimateMemory({ ...model, measured }, of);
  return {
    name: model.name,
    installed: true,
    title: info.name ?? null,
    reference: model.model_ref,
    aliases: model.aliases,
    path: model.path,
    size_bytes: model.size_bytes,
    architecture: info.architecture,
    quantisation: info.quantization ?? null,
    context_length: info.contextLength,
    layers: info.blockCount,
    embedding_length: info.embeddingLength,
    vocabulary: info.vocabSize,
    chat_template: info.chatTemplate,
    weights_bytes: info.weightBytes,
    kv_per_token_bytes: model.kv_bytes_per_token,
    default_context: usual.context,
    default_slots: usual.slots,
    default_memory_bytes: memory(usual),
    ...(isOther ? { ...load, memory_bytes: memory(load) } : {}),
    memory_source: measured ? "engine" : "formula",
    memory_problem: "problem" in said ? said.problem : null,
    fingerprint: model.fingerprint,
    sha256: manifest?.sha256 ?? null,
    verified_at: manifest?.verified_at ?? null,
  };
}

function catalogFacts(model: CatalogModel): Facts {
  return {
    name: model.id,
    installed: false,
    title: model.name,
    reference: model.source ?? null,
    size_bytes: model.size_bytes ?? null,
    parameters: model.parameters,
    quantisation: model.quantisation,
    context_length: model.context,
    default_memory_bytes: Math.round(model.memory_gib * 2 ** 30),
    licence: model.licence,
    sha256: model.sha256 ?? null,
  };
}

/** What people read for where a figure of memory is from. */
const SOURCES: Readonly<Record<string, string>> = {
  engine: "llama.cpp",
  formula: "a formula",
};

function show(key: string, value: NonNullable<Facts[string]>): string {
  if (key === "memory_source") return SOURCES[String(value)]!;
  if (key.endsWith("_bytes")) return formatBytes(Number(value));
  if (typeof value === "boolean") return value ? "yes" : "no";
  return Array.isArray(value) ? value.join(", ") : String(value);
}
