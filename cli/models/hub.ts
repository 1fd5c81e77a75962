import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { type Env, homeDir } from "#shared/paths.ts";

/** The hub, as configured by the environment variables of its own tool (`hf`). */
export interface Hub {
  /** `HF_ENDPOINT`, without a slash at its end. */
  readonly endpoint: string;
  /** Sent to the endpoint's own host alone. */
  readonly token: string | undefined;
  /** A connection that is silent for this long is closed, in milliseconds. */
  readonly stallMs: number;
}

/** Seconds of `HF_HUB_DOWNLOAD_TIMEOUT` when it is not set, as in the hub's own tool. */
const DEFAULT_TIMEOUT_S = 10;

/**
 * Reads `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HOME`, `HF_HUB_OFFLINE` and
 * `HF_HUB_DOWNLOAD_TIMEOUT`.
 *
 * @throws {UsageError} naming the variable that is wrong.
 */
export async function hubSettings(env: Env): Promise<Hub> {
  if (/^(1|on|yes|true)$/i.test(env("HF_HUB_OFFLINE") ?? "")) {
    throw new LlorchError("NOT_READY", "HF_HUB_OFFLINE is set: unset it to reach the hub");
  }
  const endpoint = (env("HF_ENDPOINT") || "https://huggingface.co").replace(/\/+$/, "");
  if (!/^https?:\/\/[^/\s]+/.test(endpoint) || !URL.canParse(endpoint)) {
    throw new UsageError(
      `HF_ENDPOINT must be an http or https URL: current value is "${endpoint}"`,
    );
  }
  const seconds = Number(env("HF_HUB_DOWNLOAD_TIMEOUT") || DEFAULT_TIMEOUT_S);
  if (!(seconds > 0 && seconds < 86_400)) {
    throw new UsageError("HF_HUB_DOWNLOAD_TIMEOUT must be a number of seconds above 0");
  }
  return { endpoint, token: await readToken(env), stallMs: seconds * 1000 };
}

/** The folder of the hub's tools: `HF_HOME`, otherwise a folder of the user's cache. */
export function hubHome(env: Env): string {
  const cache = env("XDG_CACHE_HOME") || join(homeDir(env), ".cache");
  return env("HF_HOME") || join(cache, "huggingface");
}

async function readToken(env: Env): Promise<string | undefined> {
  const given = env("HF_TOKEN")?.trim();
  if (given) return checkToken(given, "HF_TOKEN");
  const path = env("HF_TOKEN_PATH") || join(hubHome(env), "token");
  // Without a login there is no such file. No token is then sent; if one is required, the hub's reply says so.
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.trim() === "" ? undefined : checkToken(text.trim(), path);
}

/** @throws {UsageError} when a header cannot carry the token, which is not shown. */
function checkToken(token: string, where: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new UsageError(
    `${where} must be one word of ASCII letters, digits and signs: ` +
      `it has ${token.length} characters, and some are not; set it again`,
  );
}
