import { createHash, createHmac } from "node:crypto";
import { ENV } from "./defaults.ts";
import { errorMessage } from "./errors.ts";
import { UsageError } from "./lifecycle.ts";
import type { Env } from "./paths.ts";

/** A new random secret: 32 bytes in hexadecimal. */
export function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** SHA-256 of a secret in hexadecimal, to be stored instead of a random secret. */
export function secretSha256(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Identifies a secret in logs: six hex digits of its SHA-256. */
export function secretPrint(secret: string): string {
  return secretSha256(secret).slice(0, 6);
}

/**
 * The token with which orchestratord calls a pool manager. Both derive it from the secret with
 * which the pool manager calls orchestratord. So the secret itself is never sent to a registered
 * address, and orchestratord stores only its SHA-256.
 *
 * @param sha256 {@linkcode secretSha256} of the pool's secret.
 */
export function callbackToken(sha256: string): string {
  return createHmac("sha256", sha256).update("llorch orchestrator to pool").digest("hex");
}

/** What an orchestrator proves by that it passes on a request to another one, from the shared token's SHA-256. */
export function hopToken(sha256: string): string {
  return createHmac("sha256", sha256).update("llorch orchestrator to orchestrator").digest("hex");
}

/**
 * The API token: from a file that only its owner may read, otherwise from `LLORCH_API_TOKEN`.
 *
 * @throws {UsageError} if the file is missing, empty, or readable by group or world
 */
export function readApiToken(tokenFile: string | undefined, env: Env): string | undefined {
  if (tokenFile === undefined) return env(ENV.apiToken) || undefined;
  return readSecretFile(tokenFile, "token file");
}

/** Where systemd puts the files of `LoadCredential=`; its own rules say who may read them. */
const CREDENTIALS = "/run/credentials/";

/**
 * A secret from a file that only its owner may read, or that systemd provides.
 *
 * @param what The file's kind, for messages.
 * @throws {UsageError} if the file is missing, empty, or readable by group or world
 */
export function readSecretFile(path: string, what: string): string {
  let mode: number | null;
  let secret: string;
  try {
    const { isCharDevice, ...facts } = Deno.statSync(path);
    // Its permissions are not to be changed, and it may have no end.
    if (isCharDevice) throw new Error("it is a device");
    mode = facts.mode;
    secret = Deno.readTextFileSync(path).trim();
  } catch (error) {
    throw new UsageError(`Cannot read the ${what} ${path}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  if (mode !== null && (mode & 0o077) !== 0 && !path.startsWith(CREDENTIALS)) {
    throw new UsageError(
      `Cannot use the ${what} ${path}: group or others may read it; chmod 600 ${path}`,
    );
  }
  if (secret === "") throw new UsageError(`Cannot use the ${what} ${path}: it is empty`);
  return secret;
}
