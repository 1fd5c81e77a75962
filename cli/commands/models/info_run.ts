import { EXIT } from "#shared/defaults.ts";
import type { CatalogModel } from "#shared/models/catalog.ts";
import { defaultLoad } from "#shared/models/default_load.ts";
import { estimateMemory, type Load } from "#shared/models/estimate.ts";
import { readManifest } from "#shared/models/manifest.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { catalogModel } from "../../models/catalog.ts";
import { defaultMemory, type InstalledModel } from "../../models/installed.ts";
import { findModel, modelNotHere } from "../../models/lookup.ts";
import { formatBytes } from "../../output/bytes.ts";
import { columns } from "#shared/columns.ts";

/** `llorch models info` */
export async function run(
  { args, options }: Invocation<
    { context: number | undefined; json: boolean; slots: number | undefined }
  >,
  context: Context,
): Promise<number> {
  const [word = ""] = args;
  const { context: tokens, slots, json } = options;
  const asked = { context: tokens, slots };
  const model = await findModel(word, context);
  const known = catalogModel(word);
  if (model === undefined && known === undefined) throw modelNotHere(word);
  const facts = model ? await installedFacts(model, asked) : catalogFacts(known!);
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
): Promise<Facts> {
  const { info } = model;
  const manifest = await readManifest(model.path);
  const usual = defaultLoad(model);
  const load = { context: asked.context ?? usual.context, slots: asked.slots ?? usual.slots };
  const isOther = asked.context !== undefined || asked.slots !== undefined;
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
    default_memory_bytes: defaultMemory(model),
    ...(isOther
      ? { context: load.context, slots: load.slots, memory_bytes: estimateMemory(model, load) }
      : {}),
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

function show(key: string, value: NonNullable<Facts[string]>): string {
  if (key.endsWith("_bytes")) return formatBytes(Number(value));
  if (typeof value === "boolean") return value ? "yes" : "no";
  return Array.isArray(value) ? value.join(", ") : String(value);
}
