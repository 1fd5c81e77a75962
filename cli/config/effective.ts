import { fieldErrors } from "#shared/config/field_errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Env } from "#shared/paths.ts";
import { defaultValue, variableOf } from "./defaults.ts";
import { parseConfig } from "./document.ts";
import { readConfigText } from "./file.ts";
import { coerce, FIXED_KEYS, HOST_KEYS } from "./keys.ts";
import { configPath } from "./path.ts";
import { type FileConfig, type HostConfig, keysSchema } from "./schema.ts";

/** The value of a key in effect, and where it comes from. */
export interface Entry {
  readonly key: string;
  readonly value: unknown;
  /** `default`, the variable's name, or the file's path. */
  readonly source: string;
  readonly description: string;
}

/** The configuration in effect: variable, then file, then default. */
export interface Effective {
  /** Every key that has a value, in the order of the schema; hosts last. */
  readonly entries: readonly Entry[];
  readonly hosts: Readonly<Record<string, HostConfig>>;
  /** Undefined when there is no file. */
  readonly file: { readonly path: string; readonly text: string } | undefined;
}

/**
 * Reads the variables and the file.
 *
 * @throws {UsageError} naming the variable, or file and line, that is wrong.
 */
export async function readEffective(env: Env): Promise<Effective> {
  const file = configPath(env);
  const text = readConfigText(file);
  const config = text === undefined ? {} : await parseConfig(text, file);
  const hosts = config.hosts ?? {};
  const fixed = FIXED_KEYS.map(({ path, description }) => {
    const key = path.join(".");
    return { key, description, ...valueOf(key, env, config, file) };
  });
  const ofHosts = Object.entries(hosts).flatMap(([name, host]) =>
    HOST_KEYS.map(({ path: [key = ""], description }) => ({
      key: `hosts.${name}.${key}`,
      description,
      value: host[key as keyof HostConfig],
      source: file,
    }))
  );
  return {
    entries: [...fixed, ...ofHosts].filter(({ value }) => value !== undefined),
    hosts,
    file: text === undefined ? undefined : { path: file, text },
  };
}

/** The entries; those from the file have its line in their source: `/home/a/config.toml:3`. */
export async function withLines({ entries, file }: Effective): Promise<readonly Entry[]> {
  if (file === undefined) return entries;
  const { lineOf, scanToml } = await import("#shared/config/toml_positions.ts");
  const marks = scanToml(file.text);
  return entries.map((entry) =>
    entry.source === file.path
      ? { ...entry, source: `${file.path}:${lineOf(marks, entry.key.split("."))}` }
      : entry
  );
}

function valueOf(
  key: string,
  env: Env,
  config: FileConfig,
  file: string,
): Pick<Entry, "value" | "source"> {
  const variable = env(variableOf(key));
  if (variable) return { value: checkVariable(key, variable), source: variableOf(key) };
  const [section = "", name = ""] = key.split(".");
  const sections: Readonly<Record<string, unknown>> = config;
  const value = (sections[section] as Readonly<Record<string, unknown>> | undefined)?.[name];
  if (value !== undefined) return { value, source: file };
  return { value: defaultValue(key, env), source: "default" };
}

function checkVariable(key: string, text: string): unknown {
  const [section = "", name = ""] = key.split(".");
  const found = FIXED_KEYS.find(({ path }) => path.join(".") === key)!;
  const value = coerce(found, text);
  const parsed = keysSchema.safeParse({ [section]: { [name]: value } });
  if (parsed.success) return value;
  const reasons = fieldErrors(parsed.error).map(({ message }) => message).join(", ");
  throw new UsageError(`${variableOf(key)} ${reasons}: current value is "${text}"`);
}
