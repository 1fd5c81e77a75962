import type { workerRoutes } from "#shared/contracts/worker.ts";
import type { Handler } from "#shared/http/app.ts";
import type { Worker } from "../worker.ts";

/** `POST /tokenize`: a prompt or a chat as the tokens that `/execute` would make of it. */
export function tokenize(worker: Worker): Handler<typeof workerRoutes.tokenize> {
  return async ({ body }) => {
    const tokens = [...await worker.model().tokenize(body)];
    return { tokens, count: tokens.length };
  };
}
