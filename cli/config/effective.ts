import { fieldErrors } from "#shared/config/field_errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Env } from "#shared/paths.ts";
import { defaultValue, variableOf } from "./defaults.ts";
import { type ConfigDocument, parseConfig } from "./document.ts";
import { readConfigText } from "./file.ts";
import { coerce, FIXED_KEYS, HOST_KEYS } from "./keys.ts";
import { configPath } from "./path.ts";
import { type HostConfig, keysSchema } from "./schema.ts";

/** What a key means now, and why. */
export interface Entry {
  readonly key: string;
  readonly value: unknown;
  /** `default`, the variable, or file and line. */
  readonly source: string;
  readonly description: string;
}

/** The configuration as it applies: variable, then file, then default. */
export interface Effective {
  /** Every key that has a value, in the order of the schema; hosts last. */
  readonly entries: readonly Entry[];
  readonly hosts: Readonly<Record<string, HostConfig>>;
}

/**
 * Reads variables and file.
 *
 * @throws {UsageError} naming the variable, or file and line, that is wrong.
 */
export function readEffective(env: Env): Effective {
  const path = configPath(env);
  const text = readConfigText(path);
  const document = text === undefined ? undefined : parseConfig(text, path);
  const hosts = document?.config.hosts ?? {};
  const fixed = FIXED_KEYS.map(({ path, description }) => {
    const key = path.join(".");
    return { key, description, ...valueOf(key, env, document) };
  });
  const ofHosts = Object.entries(hosts).flatMap(([name, host]) =>
    HOST_KEYS.map(({ path: [key = ""], description }) => ({
      key: `hosts.${name}.${key}`,
      description,
      value: host[key as keyof HostConfig],
      source: `${path}:${document?.lineOf(["hosts", name, key])}`,
    }))
  );
  return { entries: [...fixed, ...ofHosts].filter(({ value }) => value !== undefined), hosts };
}

function valueOf(
  key: string,
  env: Env,
  document: ConfigDocument | undefined,
): Pick<Entry, "value" | "source"> {
  const variable = env(variableOf(key));
  if (variable) return { value: checkVariable(key, variable), source: variableOf(key) };
  const [section = "", name = ""] = key.split(".");
  const config: Readonly<Record<string, unknown>> = document?.config ?? {};
  const value = (config[section] as Readonly<Record<string, unknown>> | undefined)?.[name];
  if (document !== undefined && value !== undefined) {
    return { value, source: `${document.path}:${document.lineOf([section, name])}` };
  }
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
