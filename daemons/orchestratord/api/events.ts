import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { mayTouch } from "./own_jobs.ts";

/** `/v2/events`: what happens, and how much is going on. */
export function mountEvents(app: App, { feed, openStreams }: Orchestrator): void {
  app.mount(
    routes.serviceEvents,
    ({ headers, query, signal, caller }) =>
      openStreams.place(signal, (close) => {
        const lastId = headers["last-event-id"];
        const frames = feed.read({
          after: lastId === undefined ? undefined : Number(lastId),
          maySee: (tenant) => mayTouch(caller, tenant),
          signal,
          follow: query.follow === "true",
        });
        return Promise.resolve(openStreams.reply(frames, close));
      }),
  );
}
