import {
  type ListedResponseView,
  type ResponseEvent,
  responsesRoutes as routes,
  responseStatus,
} from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App, Caller } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import type { ListedResponse, ResponseRow } from "../../store/response_store.ts";
import { loadingNote } from "../loading.ts";
import { boundTo } from "../own_jobs.ts";
import type { Translator } from "../dialect/dialect.ts";
import { frames } from "../dialect/serve.ts";
import { eventsOf, oneChoice } from "./job_events.ts";
import { type ResponseKeeper, translatorOf } from "./keeper.ts";
import { filledItems } from "./item_images.ts";
import type { Item } from "./prompt.ts";
import { ownResponse, requestOf } from "./stored.ts";
import { responseWriter } from "./writer.ts";

/** `/v1/responses/{id}…`: responses that are stored. */
export function mountStoredResponses(
  app: App,
  orchestrator: Orchestrator,
  keeper: ResponseKeeper,
): void {
  const { clock, images, jobs, metrics, openStreams, store } = orchestrator;

  const used = async (id: string, caller: Caller | undefined): Promise<ResponseRow> => {
    const row = await ownResponse(orchestrator, id, caller);
    await store.responses.touch(id, clock.now());
    return row;
  };

  app.mount(routes.listResponses, async ({ query: { limit, after }, caller }) => {
    if (after !== undefined) await ownResponse(orchestrator, after, caller);
    const rows = await store.responses.page({
      tenant: boundTo(caller),
      before: after,
      limit: limit + 1,
    });
    const data = rows.slice(0, limit).map(listedView);
    return {
      object: "list" as const,
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: rows.length > limit,
    };
  });

  // Before the route of one response: an id at the end of a path may have slashes.
  app.mount(routes.responseInput, async ({ params: { id }, query, caller }) => {
    const { items } = requestOf(await used(id, caller));
    const ordered = query.order === "asc" ? [...items] : items.toReversed();
    const start = query.after === undefined
      ? 0
      : ordered.findIndex((item) => item.id === query.after) + 1;
    const shown = await filledItems(images, ordered.slice(start, start + query.limit));
    const data = shown.map(inParts);
    return {
      object: "list" as const,
      data: data as unknown as Record<string, unknown>[],
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: start + data.length < ordered.length,
    };
  });

  app.mount(routes.getResponse, async ({ params: { id }, query, caller, signal }) => {
    if (query.stream !== "true") return await keeper.current(await used(id, caller));
    const after = Number(query.starting_after ?? -1);
    return await openStreams.place(signal, async (close) => {
      const row = await used(id, caller);
      const jobId = await jobOf(row);
      const batches = oneChoice(eventsOf(orchestrator, jobId, signal));
      const translator = later(translatorOf(row, true), after);
      const note = loadingNote(orchestrator.loop, [jobId]);
      return openStreams.reply(
        frames(batches, translator, responseWriter),
        close,
        responseWriter,
        note,
      );
    });
  });

  app.mount(routes.cancelResponse, async ({ params: { id }, caller }) => {
    const row = await used(id, caller);
    if (row.response !== undefined) return await keeper.current(row);
    jobs.cancel(row.jobId!, "The client cancelled the response");
    return await keeper.ended(row);
  });

  app.mount(routes.deleteResponse, async ({ params: { id }, caller }) => {
    const { jobId } = await ownResponse(orchestrator, id, caller);
    await store.responses.remove(id);
    metrics.responsesRemoved.inc({ reason: "deleted" });
    if (jobId !== undefined) jobs.cancel(jobId, "The client deleted the response");
    return { id, object: "response" as const, deleted: true as const };
  });

  /** The durable job of a response whose events are there. */
  async function jobOf({ id, jobId }: ResponseRow): Promise<string> {
    if (jobId === undefined) {
      throw new LlorchError(
        "CONFLICT",
        `Cannot stream response "${id}" again: only those with background: true keep their events`,
      );
    }
    if (!jobs.live(jobId) && (await store.get(jobId))?.request === undefined) {
      throw new LlorchError(
        "CONTENT_EXPIRED",
        `The events of response "${id}" were erased after their retention: get it without stream`,
      );
    }
    return jobId;
  }
}

/** A response of a list as clients see it. */
function listedView(row: ListedResponse): ListedResponseView {
  const seconds = (ms: number) => Math.floor(ms / 1000);
  const { endedAt } = row;
  const status = responseStatus.safeParse(row.status).data;
  return {
    id: row.id,
    object: "response",
    status: status ?? (endedAt === undefined ? "in_progress" : "completed"),
    model: row.model,
    previous_response_id: row.previousId ?? null,
    created_at: seconds(row.createdAt),
    ended_at: endedAt === undefined ? null : seconds(endedAt),
    used_at: seconds(row.usedAt),
    bytes: row.bytes,
  };
}

/** Leaves out the events that a client has. */
function later<Whole>(
  translator: Translator<ResponseEvent, Whole>,
  after: number,
): Translator<ResponseEvent, Whole> {
  const newer = (events: readonly ResponseEvent[]) =>
    events.filter(({ sequence_number }) => sequence_number > after);
  return {
    take: (choice, item) => newer(translator.take(choice, item)),
    whole: () => translator.whole(),
    fail: (error) => newer(translator.fail?.(error) ?? []),
  };
}

/** An item as OpenAI shows it: a message's text is a list of parts. */
function inParts(item: Item): Item {
  if (item.type !== "message" || typeof item.content !== "string") return item;
  const type = item.role === "assistant" ? "output_text" as const : "input_text" as const;
  return { ...item, content: [{ type, text: item.content }] };
}
