import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { health } from "#shared/contracts/common.ts";
import { type WorkerView } from "#shared/contracts/mod.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { LOOPBACK } from "#shared/defaults.ts";
import {
  checkoutRoot,
  type Executable,
  type ExecutableName,
  findExecutable,
} from "#shared/executables.ts";
import { createClient } from "#shared/http/client.ts";
import { scanModels } from "#shared/models/scan.ts";
import { trusting } from "#shared/http/tls.ts";
import { defined } from "#shared/json.ts";
import type { Env } from "#shared/paths.ts";
import { runProgram, type RunResult } from "#shared/run_program.ts";
import { readApiToken } from "#shared/secrets.ts";
import { settings } from "../config/settings.ts";
import type { Context } from "../context.ts";

/** A model's file. */
export interface DoctorModel {
  /** The name by which it is requested. */
  readonly name: string;
  readonly ref: string;
  /** Tokens that it was trained for; 0 if its file does not say. */
  readonly contextLength: number;
}

/** The models in some folders. */
export interface FoundModels {
  readonly models: readonly DoctorModel[];
  /** Files that look like models but cannot be used, one line each. */
  readonly problems: readonly string[];
}

/** Addresses of daemons. */
export interface DaemonUrls {
  readonly orchestrator: string;
  readonly pool: string;
}

/** The machine as the checks see it; nothing here changes it. */
export interface Machine {
  readonly env: Env;
  readonly os: typeof Deno.build.os;
  readonly arch: typeof Deno.build.arch;
  readonly denoVersion: string;
  /** The checkout that this program runs from; undefined in a built executable. */
  readonly checkout: string | undefined;
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number };
  exists(path: string): boolean;
  /** Free space where a path is, or would be. */
  freeBytes(path: string): Promise<number>;
  findModels(dirs: readonly string[]): Promise<FoundModels>;
  /** Undefined when there is no such program. */
  run(command: string, args: readonly string[]): Promise<RunResult | undefined>;
  /** @throws {LlorchError} when it is not found. */
  findExecutable(name: ExecutableName): Executable;
  isPortFree(port: number): boolean;
  /** Name and version of the daemon that answers at an address, if one of ours does. */
  daemonAt(url: string): Promise<string | undefined>;
  /** The addresses of daemons in the settings. */
  daemonUrls(): Promise<DaemonUrls>;
  /** Text of a file; undefined if it cannot be read. */
  readText(path: string): Promise<string | undefined>;
  /** Workers of the orchestrator in the settings; none if it does not answer. */
  workers(): Promise<readonly Pick<WorkerView, "model_ref" | "context">[]>;
}

/** Timeout of a health request, in milliseconds. */
const DAEMON_TIMEOUT_MS = 1_000;

/** The machine that this process runs on. */
export function systemMachine({ env, cwd }: Pick<Context, "env" | "cwd">): Machine {
  const { total, available } = Deno.systemMemoryInfo();
  return {
    env,
    os: Deno.build.os,
    arch: Deno.build.arch,
    denoVersion: Deno.version.deno,
    checkout: checkoutRoot(),
    memory: { totalBytes: total, availableBytes: available },
    exists,
    freeBytes,
    findModels,
    run,
    findExecutable,
    isPortFree,
    async daemonAt(url) {
      // Settings that cannot be read are another check's finding.
      const known = await settings({ env, cwd }).catch(() => undefined);
      const named = [known?.orchestrator, known?.pool].find((each) => each?.url === url);
      return await daemonAt(url, named?.caFile);
    },
    async daemonUrls() {
      const { orchestrator, pool } = await settings({ env, cwd });
      return { orchestrator: orchestrator.url, pool: pool.url };
    },
    readText: (path) => Deno.readTextFile(path).catch(() => undefined),
    async workers() {
      try {
        const { url, tokenFile, caFile } = (await settings({ env, cwd })).orchestrator;
        const token = readApiToken(tokenFile, env);
        const options = { baseUrl: url, timeoutMs: DAEMON_TIMEOUT_MS, http: trusting(caFile) };
        return (await createClient({ ...options, token }).call(routes.workers, {})).workers;
      } catch {
        // That it does not answer is another check's finding.
        return [];
      }
    },
  };
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    // It exists, but we may not read it.
    return true;
  }
}

async function freeBytes(path: string): Promise<number> {
  let at = path;
  while (!exists(at) && dirname(at) !== at) at = dirname(at);
  const { bavail, bsize } = await statfs(at);
  return bavail * bsize;
}

async function findModels(dirs: readonly string[]): Promise<FoundModels> {
  const { models, problems } = await scanModels(dirs);
  const found = models.map(({ model_ref: ref, aliases, context_length: contextLength }) => ({
    name: aliases.find((alias) => !/[/:]/.test(alias)) ?? ref,
    ref,
    contextLength,
  }));
  return { models: found, problems: problems.map(({ path, message }) => `${path}: ${message}`) };
}

async function run(command: string, args: readonly string[]): Promise<RunResult | undefined> {
  try {
    return await runProgram({ command, args });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function isPortFree(port: number): boolean {
  try {
    Deno.listen({ hostname: LOOPBACK, port }).close();
    return true;
  } catch {
    return false;
  }
}

async function daemonAt(url: string, caFile?: string): Promise<string | undefined> {
  try {
    const client = trusting(caFile);
    const response = await fetch(`${url.replace(/\/+$/, "")}/health`, {
      signal: AbortSignal.timeout(DAEMON_TIMEOUT_MS),
      redirect: "error",
      ...defined({ client }),
    });
    const { component, version } = health.parse(await response.json());
    return `${component} ${version}`;
  } catch {
    return undefined;
  }
}
