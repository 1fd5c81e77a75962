import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { trusting } from "#shared/http/tls.ts";
import { UNSTATED_CONTEXT } from "#shared/models/default_load.ts";
import { isNeverCalled, plainHost } from "#shared/net/addresses.ts";
import { serverBase } from "#shared/net/server_url.ts";
import { readSecretFile } from "#shared/secrets.ts";
import { type LoadModel, UnusableModelError } from "../model.ts";
import { tryCapabilities } from "./capabilities.ts";
import { detectServer } from "./detect.ts";
import { RemoteModel } from "./remote_model.ts";
import { GOES_ON, type OpenaiServer, openaiServer } from "./server.ts";
import { ServerWatch } from "./server_watch.ts";

/** Path that is asked for the server's health, unless one is configured: every such server has it. */
const HEALTH_PATH = "/v1/models";

/** Longest time that a request waits for a server that is busy, in milliseconds. */
const PATIENCE_MS = 60_000;

/** The addresses of a host name. */
export type Resolve = (name: string) => Promise<readonly string[]>;

const resolveBySystem: Resolve = async (name) =>
  (await lookup(name, { all: true })).map(({ address }) => address);

/**
 * Serves a model of a server that runs elsewhere. Only this process has its key. It is not started or
 * stopped, and a worker that finds it gone ends, as one whose own server has ended.
 */
export const loadElsewhere: LoadModel = async (config, context) => {
  const { signal, log } = context;
  const { url: text, api_key_file, ca_file, health_path = HEALTH_PATH } = config.openai;
  const url = new URL(text!);
  const apiKey = keyOf(api_key_file);
  const http = trusting(ca_file);
  const server = openaiServer(serverBase(text!), {
    apiKey,
    http,
    allow: allowing(url.hostname),
    patienceMs: PATIENCE_MS,
  });
  try {
    await answers(server, health_path, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      const why = errorMessage(error).replace(GOES_ON, "");
      const message = `Cannot use the server at ${url.host}: ${why}`;
      // Each further try may count against the key, or lock the account.
      const isRefused = error instanceof LlorchError && error.code === "UNAUTHORIZED";
      throw isRefused
        ? new UnusableModelError(message, { cause: error })
        : new LlorchError("WORKER_START_FAILED", message, { cause: error });
    });
    const wanted = { name: config.model, isOneOfMany: true };
    const { kind, name } = await detectServer(server, wanted, signal);
    const capabilities = await tryCapabilities(server, name, signal);
    if (capabilities.includes("generate") && kind.tokens) capabilities.push("tokenize");
    log.info("engine_ready", { kind: kind.name, host: url.host, model: name, capabilities });
    const watch = await ServerWatch.open({
      group: undefined,
      look: (signal) => answers(server, health_path, signal),
      load: kind.load,
      intervalMs: config.openai.poll_interval_ms,
      unresponsiveMs: config.openai.unresponsive_ms,
      onSilent: (ms, error) => {
        model.failAll(`The engine does not answer for ${ms} ms; the job can continue elsewhere`);
        const why = `The server at ${url.host} does not answer for ${ms} ms: ${
          errorMessage(error).replace(GOES_ON, "")
        }`;
        context.onFatal(new Error(why));
      },
    });
    const model = new RemoteModel({
      config,
      context,
      server,
      kind,
      capabilities,
      fingerprint: config.fingerprint!,
      name,
      contextTokens: kind.context ?? config.context ?? UNSTATED_CONTEXT,
      isAnswering: () => watch.isAnswering,
      load: () => watch.load,
      memoryBytes: () => 0,
      pids: () => [],
      stop() {
        watch.close();
        http?.close();
        return Promise.resolve();
      },
    });
    return model;
  } catch (error) {
    http?.close();
    throw error;
  }
};

/** @throws {UnusableModelError} if the file cannot be used */
function keyOf(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readSecretFile(path, "API key file");
  } catch (error) {
    throw new UnusableModelError(errorMessage(error), { cause: error });
  }
}

/**
 * Asks for the server's health. A refusal of the request is an answer, and so is a server that is busy.
 *
 * @throws {LlorchError} if it cannot be reached, fails, or refuses the key
 */
async function answers(server: OpenaiServer, path: string, signal: AbortSignal): Promise<void> {
  try {
    await server.get(path, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LlorchError && ANSWERED.has(error.code)) return;
    throw error;
  }
}

const ANSWERED: ReadonlySet<string> = new Set(["INVALID_REQUEST", "QUEUE_FULL"]);

/**
 * Refuses a server whose name leads to an address that is never called. A name is resolved before each
 * request, since it may lead elsewhere later.
 */
export function allowing(
  hostname: string,
  resolve: Resolve = resolveBySystem,
): (signal: AbortSignal) => Promise<void> {
  const host = plainHost(hostname);
  return async (signal) => {
    const addresses = isIP(host) ? [host] : await resolve(host).catch((error) => {
      throw unusable(`${host} has no address`, error);
    });
    signal.throwIfAborted();
    if (isNeverCalled(host) || addresses.some((address) => isNeverCalled(plainHost(address)))) {
      throw unusable(`${host} leads to an address where machines keep secrets`);
    }
  };
}

function unusable(why: string, cause?: unknown): LlorchError {
  return new LlorchError("WORKER_LOST", `The engine is not called: ${why}`, { cause });
}
