import { defined } from "#shared/json.ts";
import {
  ACCEPTED,
  isTerminal,
  type JobEvent,
  type JobView,
  orchestratorRoutes as routes,
} from "#shared/contracts/mod.ts";
import { CollectedAnswer } from "#shared/collected_answer.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App, Caller } from "#shared/http/app.ts";
import { encodeSseComment, formatSse } from "#shared/http/sse.ts";
import { utf8 } from "#shared/utf8.ts";
import type { LiveJob } from "../jobs/live_job.ts";
import type { Orchestrator } from "../service.ts";
import type { StreamItem } from "../jobs/job_stream.ts";
import type { ListedRow } from "../store/job_store.ts";
import { followKept, followLive } from "../jobs/follow.ts";
import { boundTo, mayTouch, scopedKey } from "./own_jobs.ts";
import { checkModelName, seesPaths } from "./hide_paths.ts";
import { loadingNote, tellingLoads } from "./loading.ts";
import { named } from "./named_task.ts";
import { ownersOf } from "./owners.ts";

/** Events that are read from the store at a time to put an output together. */
const OUTPUT_PAGE = 2000;

/** Events of a job on their way to a client. */
interface Followed {
  readonly batches: AsyncGenerator<readonly StreamItem[]>;
  /** Whether more events will come; asked when `batches` ended before the job's last one. */
  readonly goesOn: () => boolean;
}

/** `/v2/tasks…`: durable jobs. */
export function mountTasks(app: App, orchestrator: Orchestrator): void {
  const { access, config, jobs, loop, openStreams, store } = orchestrator;

  app.mount(routes.submit, async (call) => {
    const { body, given, headers, request, signal, correlationId, caller } = call;
    const wantsStream = (request.headers.get("accept") ?? "").includes("text/event-stream");
    checkModelName(caller, body.model);
    const submit = () =>
      tellingLoads(
        loop,
        body.model,
        async () =>
          await jobs.submit(named(body, given, loop.meaning(body.model)), {
            durable: true,
            asWritten: body,
            seesTarget: seesPaths(caller),
            idempotencyKey: scopedKey(caller, headers["idempotency-key"]),
            correlationId,
            ...await access.terms(caller, jobs),
          }),
      );
    if (!wantsStream) return (await submit()).accepted;
    return await openStreams.place(signal, async (close) => {
      const { accepted, job } = await submit();
      const followed = job
        ? live(job, 0, signal)
        : await eventsOf(accepted.job_id, 0, signal, caller);
      return reply(accepted.job_id, followed, false, close);
    });
  });

  app.mount(
    routes.taskEvents,
    ({ params, query, headers, signal, caller }) =>
      openStreams.place(signal, async (close) => {
        const after = Number(headers["last-event-id"] ?? 0);
        const followed = await eventsOf(params.id, after, signal, caller);
        return reply(params.id, followed, query.ids === "true", close);
      }),
  );

  function reply(
    jobId: string,
    followed: Followed | undefined,
    withIds: boolean,
    close: () => void,
  ): Response {
    const note = loadingNote(loop, [jobId]);
    if (followed) return openStreams.reply(frames(followed, withIds), close, undefined, note);
    close();
    return new Response(null, { status: 204 });
  }

  function live(job: LiveJob, after: number, signal: AbortSignal): Followed {
    const { disconnect_grace_ms: graceMs } = config.streams;
    return {
      batches: followLive(orchestrator, job, after, signal, graceMs),
      goesOn: () => !job.stream.ended,
    };
  }

  /** A job's events after an id; undefined if the job has ended and there are none. */
  async function eventsOf(
    jobId: string,
    after: number,
    signal: AbortSignal,
    caller: Caller | undefined,
  ): Promise<Followed | undefined> {
    const job = jobs.live(jobId);
    if (job && job.facts.store && mayTouch(caller, job.facts.tenant)) {
      const isOver = job.stream.ended && after >= job.stream.lastId;
      return isOver ? undefined : live(job, after, signal);
    }
    const row = await store.get(jobId);
    if (!row || !mayTouch(caller, row.tenant)) throw jobNotFound(jobId);
    if (row.request === undefined) {
      throw new LlorchError(
        "CONTENT_EXPIRED",
        `The output of job "${jobId}" was erased after its retention`,
      );
    }
    const hasEnded = row.endedAt !== undefined;
    if (hasEnded && (await store.events(jobId, after, 1)).length === 0) return undefined;
    return { batches: followKept(orchestrator, jobId, after), goesOn: () => !hasEnded };
  }

  app.mount(routes.getTask, async ({ params, caller }) => {
    const row = await store.get(params.id);
    if (!row || !mayTouch(caller, row.tenant)) throw jobNotFound(params.id);
    const owner = await ownersOf(orchestrator.access, [row.tenant]);
    return {
      ...toView(row),
      ...owner(row.tenant),
      ...row.request ? await readAnswer(params.id) : {},
    };
  });

  app.mount(routes.listTasks, async ({ query, caller }) => {
    const rows = await store.page({
      status: query.status,
      model: query.model,
      tenant: boundTo(caller),
      before: query.cursor === undefined ? undefined : Number(query.cursor),
      limit: query.limit,
    });
    const last = rows.length === query.limit ? rows.at(-1) : undefined;
    const owner = await ownersOf(orchestrator.access, rows.map(({ tenant }) => tenant));
    const tasks = rows.map((row) => ({ ...toView(row), ...owner(row.tenant) }));
    return { tasks, ...(last ? { next_cursor: String(last.seq) } : {}) };
  });

  const cancel = async (jobId: string, caller: Caller | undefined) => {
    const tenant = jobs.live(jobId)?.facts.tenant ?? (await store.get(jobId))?.tenant;
    if (tenant === undefined || !mayTouch(caller, tenant)) throw jobNotFound(jobId);
    jobs.cancel(jobId, "The client cancelled the job");
    return ACCEPTED;
  };
  app.mount(routes.cancelTask, ({ params, caller }) => cancel(params.id, caller));
  app.mount(routes.deleteTask, ({ params, caller }) => cancel(params.id, caller));

  /** What a job has delivered: no output while there is nothing of it. */
  async function readAnswer(
    jobId: string,
  ): Promise<Pick<JobView, "output" | "reasoning" | "tool_calls" | "validated">> {
    const answer = new CollectedAnswer();
    let hasTokens = false;
    for (let after = 0;;) {
      const page = await store.events(jobId, after, OUTPUT_PAGE);
      for (const { id, event } of page) {
        answer.take(event);
        hasTokens ||= event.event === "token";
        after = id;
      }
      if (page.length === OUTPUT_PAGE) continue;
      const { text, reasoning, calls, validated } = answer;
      return {
        ...(hasTokens ? { output: text } : {}),
        ...(reasoning === "" ? {} : { reasoning }),
        ...(calls.length === 0 ? {} : { tool_calls: [...calls] }),
        ...defined({ validated }),
      };
    }
  }
}

async function* frames(
  { batches, goesOn }: Followed,
  withIds: boolean,
): AsyncGenerator<Uint8Array> {
  let ended = false;
  for await (const items of batches) {
    let text = "";
    for (const item of items) {
      const { event, data } = toClientEvent(item, withIds);
      text += formatSse(event, data, item.kind === "event" ? item.id : undefined);
      ended = isTerminal({ event });
    }
    yield utf8(text);
  }
  if (!ended && goesOn()) {
    yield encodeSseComment("stopping: the job goes on, connect again with Last-Event-ID");
  }
}

function toView(row: ListedRow): JobView {
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    job_id: row.jobId,
    status: row.status,
    model: row.model,
    priority: row.priority,
    created_at: iso(row.createdAt),
    ...(row.startedAt === undefined ? {} : { started_at: iso(row.startedAt) }),
    ...(row.firstTokenAt === undefined ? {} : { first_token_at: iso(row.firstTokenAt) }),
    ...(row.endedAt === undefined ? {} : { ended_at: iso(row.endedAt) }),
    attempts: [...row.attempts],
    ...defined({ usage: row.usage, stop_reason: row.stopReason, error: row.error }),
  };
}

/** A stream item as the event that a client sees; token ids only if the client asked for them. */
function toClientEvent(item: StreamItem, withIds: boolean): JobEvent {
  if (item.kind === "metrics") return { event: "metrics", data: item.data };
  if (item.event.event !== "token" || withIds) return item.event;
  const { ids: _, mirostat_mu: __, ...data } = item.event.data;
  return { event: "token", data };
}

/** The error for a job that is unknown, or that the caller may not see. */
function jobNotFound(jobId: string): LlorchError {
  return new LlorchError("NOT_FOUND", `Cannot find job "${jobId}"`);
}
