import { type WorkerHealth, workerRoutes } from "#shared/contracts/worker.ts";
import { LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";

/** Requests to workers. */
export interface Probe {
  /** @throws if it does not answer in time as the contract says */
  health(uri: string, token: string, timeoutMs: number): Promise<WorkerHealth>;
  /** Whether the server accepts the token; `GET /health` alone is open without one. */
  takesToken(uri: string, token: string, timeoutMs: number): Promise<boolean>;
}

/** The {@linkcode Probe} over HTTP. */
export const httpProbe: Probe = {
  health: (baseUrl, token, timeoutMs) =>
    createClient({ baseUrl, token, timeoutMs }).call(workerRoutes.health, {}),
  async takesToken(baseUrl, token, timeoutMs) {
    try {
      await createClient({ baseUrl, token, timeoutMs }).call(workerRoutes.ready, {});
      return true;
    } catch (error) {
      if (!(error instanceof LlorchError)) throw error;
      return error.code === "NOT_READY";
    }
  },
};
