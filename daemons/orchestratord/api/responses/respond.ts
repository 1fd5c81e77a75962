import {
  type ResponseEvent,
  type ResponseObject,
  type ResponsesRequest,
  responsesRoutes as routes,
  type TaskRequest,
} from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Call } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import type { ResponseRow } from "../../store/response_store.ts";
import { askedModel } from "../asked_model.ts";
import { checkModelName, seesPaths } from "../hide_paths.ts";
import { loadingNote, tellingLoads } from "../loading.ts";
import { scopedKey } from "../own_jobs.ts";
import { inItsWords } from "../dialect/field_names.ts";
import { answer, frames } from "../dialect/serve.ts";
import { startOrTimeout } from "../dialect/start.ts";
import { eventsOf, oneChoice } from "./job_events.ts";
import { type ResponseKeeper, translatorOf } from "./keeper.ts";
import { fetchedItems, hasRemoteImages } from "./item_images.ts";
import { type Item, itemsOf, messagesOf } from "./prompt.ts";
import { byId, conversationOf } from "./stored.ts";
import { responseNames, responseTask } from "./task.ts";
import { responseId, ResponseTranslator } from "./translator.ts";
import { responseWriter } from "./writer.ts";

type Asking = Call<typeof routes.respond>;

/** A request with all that it refers to. */
interface Asked {
  readonly body: ResponsesRequest;
  /** What this request adds to its conversation. */
  readonly items: readonly Item[];
  readonly task: TaskRequest;
  /** The task without what the name of its model sets. */
  readonly asWritten: TaskRequest;
  readonly isStored: boolean;
}

/** Answers `POST /v1/responses`. */
export async function respond(
  orchestrator: Orchestrator,
  keeper: ResponseKeeper,
  call: Asking,
): Promise<ResponseObject | Response> {
  const names = responseNames(call.body);
  const asked = await inItsWords(names, () => askedBy(orchestrator, call));
  const { body } = asked;
  const idempotencyKey = call.headers["idempotency-key"];
  if (body.background || idempotencyKey !== undefined) {
    return await tellingLoads(
      orchestrator.loop,
      body.model,
      () => inItsWords(names, () => respondDurably(orchestrator, keeper, call, asked)),
    );
  }
  // Made before the job is: nothing that a client sends may break a job that runs.
  const request = JSON.stringify({ items: asked.items });
  return await answer<ResponseEvent, ResponseObject>(orchestrator, call, {
    tasks: [asked.task],
    names,
    namesImages: true,
    isStream: body.stream === true,
    translator: ({ id, createdAt, tenant }) => {
      const row = rowOf(asked, request, id, tenant, createdAt);
      const keep = async (response: ResponseObject) => {
        const endedAt = orchestrator.clock.now();
        await keeper.add({
          ...row,
          jobId: undefined,
          response: JSON.stringify(response),
          endedAt,
          usedAt: endedAt,
        });
      };
      const isStored = asked.isStored;
      return new ResponseTranslator(
        id,
        createdAt,
        body,
        isStored,
        isStored ? keep : undefined,
      );
    },
    writer: responseWriter,
  });
}

/** The conversation that a request goes on with, and its task. */
async function askedBy(
  orchestrator: Orchestrator,
  { body: given, caller }: Asking,
): Promise<Asked> {
  const { store, clock, config, images, jobs, loop } = orchestrator;
  const body = { ...given, model: askedModel(orchestrator, given.model, caller) };
  const isStored = body.background || (body.store ?? config.responses.store_default);
  const earlier = body.previous_response_id
    ? await conversationOf(orchestrator, body.previous_response_id, caller)
    : { items: [], responses: [] };
  const sent = itemsOf(body.input, byId(earlier.items));
  checkModelName(caller, body.model);
  const tasksOf = (items: readonly Item[]) => {
    const messages = messagesOf([...earlier.items, ...items], body.instructions);
    return {
      asWritten: responseTask(body, messages),
      task: responseTask(body, messages, loop.meaning(body.model)),
    };
  };
  let tasks = tasksOf(sent);
  let items: readonly Item[] = sent;
  if (hasRemoteImages(sent)) {
    jobs.requireSenses(tasks.task, { seesTarget: seesPaths(caller) });
    items = await fetchedItems(images, sent);
    tasks = tasksOf(items);
  }
  const { asWritten, task } = tasks;
  const now = clock.now();
  await Promise.all(earlier.responses.map((id) => store.responses.touch(id, now)));
  const { temperature, top_p, max_tokens } = task;
  // The response says what applies, which the name of its model may set.
  const applied = { ...body, temperature, top_p, max_output_tokens: max_tokens };
  return { body: applied, items, task, asWritten, isStored };
}

function rowOf(
  { body }: Asked,
  request: string,
  jobId: string,
  tenant: string,
  createdAt: number,
): ResponseRow {
  return {
    id: responseId(jobId),
    tenant,
    jobId,
    previousId: body.previous_response_id ?? undefined,
    model: body.model,
    createdAt,
    endedAt: undefined,
    usedAt: createdAt,
    request,
    response: undefined,
  };
}

/** Makes a response by a durable job, which goes on without its client. */
async function respondDurably(
  orchestrator: Orchestrator,
  keeper: ResponseKeeper,
  { caller, correlationId, headers, signal }: Asking,
  asked: Asked,
): Promise<ResponseObject | Response> {
  const { access, config, jobs, openStreams } = orchestrator;
  const { body, isStored, items } = asked;
  // Made before the job is, which would go on without its row.
  const request = JSON.stringify({ items, body: { ...body, input: [] } });
  const submit = async (): Promise<ResponseRow> => {
    const terms = await access.terms(caller, jobs);
    const { accepted, isRepeat } = await jobs.submit({ ...asked.task, detached: true }, {
      durable: true,
      idempotencyKey: scopedKey(caller, headers["idempotency-key"]),
      correlationId,
      asWritten: { ...asked.asWritten, detached: true },
      seesTarget: seesPaths(caller),
      namesImages: true,
      ...terms,
    });
    const { job_id: jobId } = accepted;
    const live = jobs.live(jobId);
    const kept = isRepeat ? await orchestrator.store.get(jobId) : undefined;
    const createdAt = live?.facts.createdAt ?? kept?.createdAt ?? orchestrator.clock.now();
    const row = rowOf(asked, request, jobId, terms.tenant ?? "", createdAt);
    const stored = isRepeat && isStored
      ? await orchestrator.store.responses.get(row.id)
      : undefined;
    if (stored) return stored;
    if (isRepeat && !live && kept?.request === undefined) {
      throw new LlorchError("CONTENT_EXPIRED", `The output of response "${row.id}" was erased`);
    }
    if (isStored) await keeper.add(row);
    return row;
  };
  if (body.stream) {
    return await openStreams.place(signal, async (close) => {
      const row = await submit();
      const started = await startOrTimeout(
        oneChoice(eventsOf(orchestrator, row.jobId!, signal)),
        config.streams.first_byte_ms,
      );
      return openStreams.reply(
        frames(started, translatorOf(row, isStored), responseWriter),
        close,
        responseWriter,
        loadingNote(orchestrator.loop, [row.jobId!]),
      );
    });
  }
  if (body.background) return await keeper.current(await submit());
  return await openStreams.wait(async () => {
    const row = await submit();
    if (row.response !== undefined) return JSON.parse(row.response);
    const translator = translatorOf(row, isStored);
    for await (const items of eventsOf(orchestrator, row.jobId!, signal)) {
      for (const item of items) translator.take(0, item);
    }
    if (translator.hasEnded) return translator.whole();
    const message = "The orchestrator is stopping: ask again with the same Idempotency-Key";
    throw new LlorchError("NOT_READY", message);
  });
}
