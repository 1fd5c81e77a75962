import { createHash } from "node:crypto";
import { z } from "zod";
import { millis } from "#shared/config/common.ts";
import { devicesOf } from "#shared/contracts/place.ts";
import type { Device } from "#shared/contracts/pool.ts";
import { modelName } from "#shared/contracts/common.ts";
import { DEFAULT_SLOTS } from "#shared/defaults.ts";
import { ENGINE_PLACEHOLDERS, unknownPlaceholder } from "#shared/engine_command.ts";
import type { FoundModel, ScanResult } from "#shared/models/scan.ts";
import { faultOfServerUrl, isOutside } from "#shared/net/server_url.ts";

const UNITS = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** A size in bytes, written as a number or as `20 GiB`. */
const size = z.union([
  z.number().int().min(1),
  z.string().regex(/^\d+(\.\d+)? ?(KiB|MiB|GiB)$/)
    .transform((text) => {
      const [, amount, unit] = /^([\d.]+) ?(\w+)$/.exec(text)!;
      return Math.ceil(Number(amount) * UNITS[unit as keyof typeof UNITS]);
    }),
], { error: 'must be bytes, or a text such as "20 GiB"' });

const command = z.union([
  z.string().transform((text) => text.split(/\s+/).filter((word) => word !== "")),
  z.array(z.string().min(1)),
], { error: "must be a list of texts, or one text" }).superRefine((words, context) => {
  if (words.length === 0) context.addIssue({ code: "custom", message: "names no program" });
  const unknown = unknownPlaceholder(words);
  if (unknown === undefined) return;
  const known = Object.keys(ENGINE_PLACEHOLDERS).map((name) => `{${name}}`).join(" ");
  context.addIssue({ code: "custom", message: `has an unknown {${unknown}}: there are ${known}` });
});

/** In the models of an engine: every model that no engine names. */
const ALL = "*";

/** `[engines.NAME]`: another server with OpenAI's API that serves some of the models. */
export const engineSection = z.strictObject({
  command: command.optional(),
  url: z.string().optional(),
  api_key_file: z.string().min(1).optional(),
  // What many write first.
  api_key: z.never({
    error: "is not read from here: put the key into a file, and name that in api_key_file",
  })
    .optional(),
  ca_file: z.string().min(1).optional(),
  slots: z.number().int().min(1).max(256).optional(),
  models: z.array(modelName).default([]),
  serves: z.array(modelName).default([]),
  env: z.record(z.string(), z.string()).default({}),
  health_path: z.string().regex(/^\//, "must begin with /").optional(),
  start_timeout_ms: millis(600_000, "An engine not ready by then is killed"),
  memory: size.optional(),
  context_length: z.number().int().min(8).max(10_000_000).optional(),
  revision: z.string().max(256).default(""),
  vision: z.boolean().optional(),
}).superRefine((engine, context) => {
  const { command, url, models, serves, memory, api_key_file } = engine;
  const refuse = (key: string, message: string) =>
    context.addIssue({ code: "custom", path: [key], message });
  if (command !== undefined && url !== undefined) {
    return refuse("url", "is for a server that runs already: leave it out, or leave command out");
  }
  if (url === undefined) {
    if (command === undefined) {
      return refuse("command", "is needed to start the server, or url to call one that runs");
    }
    for (const key of ONLY_ELSEWHERE.filter((key) => engine[key] !== undefined)) {
      refuse(key, "is only for a server with a url: leave it out");
    }
    if (models.length + serves.length === 0) refuse("models", "or serves must name a model");
    if (serves.length > 0 && memory === undefined) {
      refuse(
        "memory",
        "is needed: the memory of a model without a GGUF file cannot be estimated",
      );
    }
    return;
  }
  const fault = faultOfServerUrl(url, { hasKey: api_key_file !== undefined });
  if (fault !== undefined) refuse("url", fault);
  if (ca_fileIsIdle(engine)) refuse("ca_file", "is only for a url that begins with https");
  if (serves.length > 0) refuse("serves", "is only for a command: list the models in models");
  if (memory !== undefined) {
    refuse("memory", "is only for a command: no memory of this host is counted for a url");
  }
  if (Object.keys(engine.env).length > 0) {
    refuse("env", "is only for a command: the server has its own environment");
  }
  if (models.length === 0) refuse("models", "must name the server's models, as it calls them");
  if (models.includes(ALL)) {
    refuse("models", "must name each of the server's models: * is for files of this host");
  }
});

/** Keys of servers that run elsewhere. */
const ONLY_ELSEWHERE = ["api_key_file", "ca_file", "slots"] as const;

function ca_fileIsIdle(
  { ca_file, url }: { ca_file?: string | undefined; url?: string | undefined },
) {
  return ca_file !== undefined && !url?.toLowerCase().startsWith("https:");
}

/** A configured engine. */
export type EngineSection = z.output<typeof engineSection>;

/** Arguments of llama-server that load what reads images. */
const MMPROJ = /^(?:--mmproj(?:-url)?|-mmu?)(?:=|$)/;

/** Whether an engine takes images: as its section says, or because llama-server's command says how. */
export function takesImages({ vision, command }: EngineSection): boolean {
  return vision ?? command?.some((word) => MMPROJ.test(word)) ?? false;
}

/** Every engine by its name. */
export type Engines = Readonly<Record<string, EngineSection>>;

/** Prefix of a reference to the hub; servers expect the rest. */
const HF = /^hf:/;

/**
 * The engine that serves a model: the one that names it or one of its aliases, otherwise the one
 * with `*`; undefined for a model that our own worker serves. A server that runs elsewhere has none
 * of this host's files, also where one has the name of a model of its own.
 */
export function engineOf(
  { model_ref, aliases, elsewhere }: Pick<FoundModel, "model_ref" | "aliases" | "elsewhere">,
  engines: Engines,
): EngineSection | undefined {
  const names = [model_ref, ...aliases];
  const all = Object.values(engines)
    .filter(({ url }) => (url !== undefined) === (elsewhere !== undefined));
  return all.find(({ models, serves }) =>
    names.some((name) => models.includes(name) || serves.includes(name))
  ) ?? all.find(({ models }) => models.includes(ALL));
}

/** A model that two engines name, with the names of both; undefined if there is none. */
export function namedTwice(engines: Engines): readonly [string, string, string] | undefined {
  const seen = new Map<string, string>();
  for (const [engine, { models, serves }] of Object.entries(engines)) {
    for (const name of new Set([...models, ...serves])) {
      const other = seen.get(name);
      if (other !== undefined) return [name, other, engine];
      seen.set(name, engine);
    }
  }
  return undefined;
}

/**
 * Adds to the result of a scan the models that engines serve without a file, and replaces memory
 * figures with configured ones.
 */
export function withEngines({ models, problems }: ScanResult, engines: Engines): ScanResult {
  const onDisk = models.map((model) => {
    const engine = engineOf(model, engines);
    if (!engine) return model;
    const { memory } = engine;
    // An engine has a projector only if its command names one.
    const { projector: _projector, vision: _vision, audio: _audio, ...own } = model;
    return {
      ...own,
      ...(memory === undefined ? {} : statedMemory(memory)),
      ...(takesImages(engine) ? { vision: true as const } : {}),
    };
  });
  const external = Object.entries(engines).flatMap(([name, engine]) =>
    (engine.url === undefined ? engine.serves : engine.models)
      .map((model) => externalModel(name, model, engine))
  );
  return { models: [...onDisk, ...external], problems };
}

function externalModel(engineName: string, ref: string, engine: EngineSection): FoundModel {
  const name = ref.replace(HF, "");
  return {
    model_ref: ref,
    aliases: name === ref ? [] : [name],
    fingerprint: externalFingerprint(name, engine.revision),
    path: name,
    size_bytes: 0,
    architecture: engineName,
    context_length: engine.context_length ?? 0,
    ...statedMemory(engine.memory ?? 0),
    ...(takesImages(engine) ? { vision: true as const } : {}),
    ...(engine.url === undefined ? {} : { elsewhere: whereIs(engine.url, engine.slots) }),
  };
}

function whereIs(url: string, slots = DEFAULT_SLOTS): NonNullable<FoundModel["elsewhere"]> {
  const { host } = new URL(url);
  return { host, is_outside: isOutside(url), slots };
}

/**
 * Identity of a model without a file: its name and the configured revision, since the weights
 * cannot be compared. Hosts with the same name and revision may resume each other's answers.
 */
export function externalFingerprint(name: string, revision: string): string {
  return createHash("sha256").update(JSON.stringify(["external model", name, revision]))
    .digest("hex");
}

/** Figures of a model with a configured memory: nothing is added for context or slots. */
function statedMemory(memory: number) {
  return {
    weight_bytes: memory,
    kv_bytes_per_token: 0,
    compute_bytes: 0,
    window_tokens: undefined,
    window_bytes_per_token: undefined,
    state_bytes_per_slot: undefined,
    checkpoint_bytes: undefined,
    kept_bytes: undefined,
    block_count: undefined,
  };
}

/** Numbers of a place's GPUs: `0`, `0,1`. */
export function gpuNumbers(place: string): string {
  return devicesOf(place).map((id) => id.replace(/^\D+/, "")).join();
}

/**
 * Environment variables that show an engine only the devices of its place; on the CPU they hide
 * all GPUs, which it might use otherwise.
 */
export function deviceEnv({ id, kind }: Pick<Device, "id" | "kind">): Record<string, string> {
  const number = kind === "cpu" ? "" : gpuNumbers(id);
  switch (kind) {
    case "cuda":
      return { CUDA_VISIBLE_DEVICES: number, CUDA_DEVICE_ORDER: "PCI_BUS_ID" };
    case "rocm":
      return { HIP_VISIBLE_DEVICES: number };
    case "vulkan":
      return { GGML_VK_VISIBLE_DEVICES: number };
    case "metal":
      return {};
    case "cpu":
      return { CUDA_VISIBLE_DEVICES: "", HIP_VISIBLE_DEVICES: "", GGML_VK_VISIBLE_DEVICES: "" };
  }
}
