import { onAbort } from "#shared/aborts.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import { delay } from "#shared/lifecycle.ts";
import type { Orchestrator } from "../service.ts";
import { withoutHostPaths } from "#shared/models/host_paths.ts";
import { seesPaths } from "./hide_paths.ts";
import { mayTouch } from "./own_jobs.ts";

/** A feed ends within this time after its reader's key or session has ended, in ms. */
const RECHECK_MS = 2_000;

/** `/v2/events`: activities and figures of the service. */
export function mountEvents(app: App, { access, feed, openStreams }: Orchestrator): void {
  /** Resolves when the reader's key or session has ended (true), or when the feed has (false). */
  const losesAccess = async (request: Request, over: AbortSignal): Promise<boolean> => {
    while (!over.aborted) {
      await delay(RECHECK_MS, over).catch(() => {});
      if (!over.aborted && !await access.stillAdmits(request)) return true;
    }
    return false;
  };

  app.mount(
    routes.serviceEvents,
    ({ headers, query, signal, caller, request }) =>
      openStreams.place(signal, (close) => {
        const lastId = headers["last-event-id"];
        const over = new AbortController();
        const end = () => over.abort();
        const forget = onAbort(signal, end);
        const frames = feed.read({
          after: lastId === undefined ? undefined : Number(lastId),
          maySee: (tenant) => mayTouch(caller, tenant),
          show: seesPaths(caller) ? undefined : withoutHostPaths,
          signal: over.signal,
          follow: query.follow === "true",
        });
        void losesAccess(request, over.signal).then(end, end);
        return Promise.resolve(openStreams.reply(frames, () => {
          end();
          forget();
          close();
        }));
      }),
  );
}
