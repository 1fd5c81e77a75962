import { isAbsolute, join } from "node:path";
import { ENV } from "#shared/defaults.ts";
import { defaultModelsDirs } from "#shared/models/default_dirs.ts";
import { type Env, homeDir } from "#shared/paths.ts";
import type { Context } from "../context.ts";
import { defaultValue, KEY_NAMES, type KeyName, variableOf } from "./defaults.ts";
import { readConfigText } from "./file.ts";
import { configPath } from "./path.ts";
import type { HostConfig } from "./schema.ts";

/** A daemon that commands talk to. */
export interface DaemonSettings {
  /** e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** For `readApiToken` of `shared/secrets.ts`. */
  readonly tokenFile: string | undefined;
  /** For `trusting` of `shared/http/tls.ts`. */
  readonly caFile: string | undefined;
}

/** The configuration in effect: `LLORCH_*` variable, then file, then default. */
export interface Settings {
  readonly orchestrator: DaemonSettings;
  readonly pool: DaemonSettings;
  readonly models: {
    /** Where models are downloaded to. */
    readonly dir: string;
    /** Folders to look for models in: the one that is set, otherwise the daemons' defaults. */
    readonly dirs: readonly string[];
  };
  /** Machines that `--remote` can name. */
  readonly hosts: Readonly<Record<string, HostConfig>>;
}

/**
 * Reads the settings of the user.
 *
 * @throws {UsageError} naming the variable, or file and line, that is wrong.
 */
export async function settings({ env, cwd }: Pick<Context, "env" | "cwd">): Promise<Settings> {
  const { values, hosts } = await read(env);
  const path = (key: KeyName) => {
    const value = values.get(key);
    return value === undefined ? undefined : absolutePath(value, cwd, env);
  };
  const dir = path("models.dir");
  const ca = env(ENV.caFile);
  const sharedCa = ca ? absolutePath(ca, cwd, env) : undefined;
  return {
    orchestrator: {
      url: values.get("orchestrator.url") ?? defaultValue("orchestrator.url", env)!,
      tokenFile: path("orchestrator.token_file"),
      caFile: path("orchestrator.ca_file") ?? sharedCa,
    },
    pool: {
      url: values.get("pool.url") ?? defaultValue("pool.url", env)!,
      tokenFile: path("pool.token_file"),
      caFile: path("pool.ca_file") ?? sharedCa,
    },
    models: {
      dir: dir ?? defaultValue("models.dir", env)!,
      dirs: dir === undefined ? defaultModelsDirs(env) : [dir],
    },
    hosts,
  };
}

interface Given {
  /** Without defaults. */
  readonly values: ReadonlyMap<KeyName, string>;
  readonly hosts: Readonly<Record<string, HostConfig>>;
}

/** The schema is loaded only when there is something to check, so that commands start fast. */
async function read(env: Env): Promise<Given> {
  const isSet = KEY_NAMES.some((key) => env(variableOf(key)));
  if (!isSet && readConfigText(configPath(env)) === undefined) {
    return { values: new Map(), hosts: {} };
  }
  const { readEffective } = await import("./effective.ts");
  const { entries, hosts } = await readEffective(env);
  const set = entries.filter(({ source }) => source !== "default");
  return {
    values: new Map(set.map(({ key, value }) => [key as KeyName, String(value)])),
    hosts,
  };
}

function absolutePath(path: string, cwd: string, env: Env): string {
  if (path.startsWith("~/")) return join(homeDir(env), path.slice(2));
  return isAbsolute(path) ? path : join(cwd, path);
}
