import { type WorkerHealth, workerRoutes } from "#shared/contracts/worker.ts";
import { LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";

/** Asks workers how they are. */
export interface Probe {
  /** @throws when it does not answer in time with what the contract says. */
  health(uri: string, token: string, timeoutMs: number): Promise<WorkerHealth>;
  /** Whether the server there takes the token: `GET /health` alone is open to anybody. */
  takesToken(uri: string, token: string, timeoutMs: number): Promise<boolean>;
}

/** The {@linkcode Probe} that speaks HTTP. */
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
