import type { z } from "zod";
import { checked } from "#shared/config/field_errors.ts";
import {
  type BatchEndpoint,
  type EmbeddingsRequest,
  eventError,
  fallbackOf,
  inputsOf,
  openaiRoutes,
  promptsOf,
  type ResponsesRequest,
  responsesRoutes,
  type TaskRequest,
} from "#shared/contracts/mod.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import type { Orchestrator } from "../../service.ts";
import type { StoredCall } from "../../store/job_store.ts";
import type { ResponseRow } from "../../store/response_store.ts";
import { askedModel } from "../asked_model.ts";
import type { Translator } from "../dialect/dialect.ts";
import type { FieldNames } from "../dialect/field_names.ts";
import type { NameSettings } from "../dialect/task.ts";
import { inputTask } from "../dialect/vectors.ts";
import { chatNames, chatTasks, ChatTranslator } from "../openai/chat.ts";
import { completionNames, completionTasks, CompletionTranslator } from "../openai/completions.ts";
import { embeddingsOf } from "../openai/embeddings.ts";
import { byId, conversationOf } from "../responses/stored.ts";
import { itemsOf, messagesOf } from "../responses/prompt.ts";
import { responseNames, responseTask } from "../responses/task.ts";
import { responseId, ResponseTranslator } from "../responses/translator.ts";

/** The first job of a line. */
export interface FirstJob {
  readonly id: string;
  /** In ms since the epoch. */
  readonly createdAt: number;
  readonly request: TaskRequest;
}

/** What the request of a line becomes. */
export interface LineWork {
  /** Number of jobs that answer it. */
  readonly choices: number;
  /**
   * The tasks of its jobs; not needed for jobs that are there already.
   *
   * @throws {LlorchError} the error of the line, or one after which another try may succeed
   */
  tasks(): Promise<readonly TaskRequest[]>;
  readonly names: FieldNames;
  /** See {@linkcode SubmitOptions.namesImages}. */
  readonly namesImages?: boolean;
  /** What its only job asks of a worker in one call. */
  readonly call?: StoredCall;
  /** Makes its answer from the events of its jobs. */
  translator(first: FirstJob): Pick<Translator<unknown, unknown>, "take" | "whole">;
  /** A response that its job has made and that is to be kept; undefined: none is. */
  keep?(
    first: FirstJob,
    whole: unknown,
    tenant: string,
    endedAt: number,
  ): ResponseRow | undefined;
}

/** How the lines of a batch are read. */
export interface Endpoint {
  /** Names of the fields in which numbers keep their digits. */
  readonly exact: readonly string[];
  /** @throws {LlorchError} `INVALID_REQUEST` that names the wrong fields */
  work(body: unknown, caller: Caller | undefined): LineWork;
}

/** What the lines of a batch may call. */
export function endpointsOf(
  orchestrator: Orchestrator,
): Readonly<Record<BatchEndpoint, Endpoint>> {
  const { chat, completions, embeddings } = openaiRoutes;
  /** The tasks of a request with its model, and with what the name of that sets. */
  const tasksOf = async <B extends { readonly model: string }>(
    body: B,
    caller: Caller | undefined,
    make: (body: B, settings: NameSettings) => readonly TaskRequest[],
  ): Promise<readonly TaskRequest[]> => {
    const model = askedModel(orchestrator, body.model, caller);
    return await make({ ...body, model }, orchestrator.loop.meaning(model));
  };
  return {
    "/v1/chat/completions": {
      exact: chat.exact,
      work(given, caller) {
        const body = checkedBody(chat.body, given);
        return {
          choices: body.n ?? 1,
          tasks: () => tasksOf(body, caller, chatTasks),
          names: chatNames(body),
          translator: (first) =>
            new ChatTranslator(first.id, first.createdAt, modelled(body, first)),
        };
      },
    },
    "/v1/completions": {
      exact: [],
      work(given, caller) {
        const body = checkedBody(completions.body, given);
        return {
          choices: promptsOf(body.prompt).length * (body.n ?? 1),
          tasks: () => tasksOf(body, caller, completionTasks),
          names: completionNames(body),
          translator: (first) =>
            new CompletionTranslator(first.id, first.createdAt, modelled(body, first)),
        };
      },
    },
    "/v1/embeddings": {
      exact: [],
      work(given, caller) {
        const body = checkedBody(embeddings.body, given);
        const input = inputsOf(body.input);
        return {
          choices: 1,
          tasks: () => tasksOf(body, caller, ({ model }) => [inputTask(model, input)]),
          names: { prompt: "input", prompt_tokens: "input" },
          call: { kind: "embed", input },
          translator: (first) => new EmbeddingsTranslator(modelled(body, first)),
        };
      },
    },
    "/v1/responses": {
      exact: responsesRoutes.respond.exact,
      work: (given, caller) =>
        responseWork(orchestrator, checkedBody(responsesRoutes.respond.body, given), caller),
    },
  };
}

/**
 * Of responses, only those are kept whose lines say so: the output file has them all, and a batch would
 * drive out the others of its key.
 */
function responseWork(
  orchestrator: Orchestrator,
  body: ResponsesRequest,
  caller: Caller | undefined,
): LineWork {
  const previous = body.previous_response_id ?? undefined;
  const earlier = () =>
    previous === undefined
      ? Promise.resolve({ items: [] })
      : conversationOf(orchestrator, previous, caller);
  const isStored = body.store === true;
  return {
    choices: 1,
    names: responseNames(body),
    namesImages: true,
    async tasks() {
      const { items } = await earlier();
      const own = itemsOf(body.input, byId(items));
      const model = askedModel(orchestrator, body.model, caller);
      const messages = messagesOf([...items, ...own], body.instructions);
      return [responseTask({ ...body, model }, messages, orchestrator.loop.meaning(model))];
    },
    translator(first) {
      const { temperature, top_p, max_tokens } = first.request;
      // The response says what applies, which the name of its model may set.
      const applied = { temperature, top_p, max_output_tokens: max_tokens };
      const asked = { ...modelled(body, first), ...applied };
      return new ResponseTranslator(first.id, first.createdAt, asked, isStored);
    },
    keep(first, whole, tenant, endedAt) {
      if (!isStored) return undefined;
      const id = responseId(first.id);
      // A reference can be followed only within what is sent here.
      const own = itemsOf(
        typeof body.input === "string" ? body.input : body.input.filter(
          ({ type }) => type !== "item_reference",
        ),
        new Map(),
      );
      return {
        id,
        tenant,
        jobId: undefined,
        previousId: previous,
        model: modelled(body, first).model,
        createdAt: endedAt,
        endedAt,
        usedAt: endedAt,
        request: JSON.stringify({ items: own }),
        response: JSON.stringify(whole),
      };
    },
  };
}

/** Makes the answer to a request for embeddings from the last event of its job. */
class EmbeddingsTranslator {
  #body: EmbeddingsRequest;
  #end: { readonly vectors: readonly string[]; readonly tokens: number } | undefined;

  constructor(body: EmbeddingsRequest) {
    this.#body = body;
  }

  take(_choice: number, item: StreamItem): readonly unknown[] {
    if (item.kind !== "event") return [];
    const { event, data } = item.event;
    this.#body = { ...this.#body, model: fallbackOf(item.event) ?? this.#body.model };
    if (event === "error") throw eventError(data);
    if (event === "end") this.#end = { vectors: data.embeddings ?? [], tokens: data.tokens_in };
    return [];
  }

  whole(): unknown {
    if (!this.#end) throw new LlorchError("INTERNAL", "The job has not ended");
    return embeddingsOf(this.#body, this.#end.vectors, this.#end.tokens);
  }
}

/** A request with its model; one that names none has the model of its job. */
function modelled<B extends { readonly model: string }>(body: B, { request }: FirstJob): B {
  return body.model === "" ? { ...body, model: request.model } : body;
}

/** @throws {LlorchError} `INVALID_REQUEST` that names the wrong fields */
function checkedBody<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const result = checked(schema, body);
  if ("data" in result) return result.data;
  throw invalidRequest(
    result.errors.map(({ field, message }) => ({ field: `body.${field}`, message })),
  );
}
