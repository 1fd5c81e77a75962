import type { Route, RouteInput, RouteReply, TaskRequest } from "#shared/contracts/mod.ts";
import type { z } from "zod";
import type { LlorchError } from "#shared/errors.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import type { ChoiceJob } from "./choices.ts";
import type { StreamWriter } from "../../open_streams.ts";
import type { FieldNames } from "./field_names.ts";
import type { NameSettings } from "./task.ts";

/** A route whose body names a model, or leaves it empty. */
export type ModelRoute = Route & { readonly body: z.ZodType<{ readonly model: string }> };

/** The body of a route, parsed and validated. */
export type BodyOf<R extends Route> = RouteInput<R>["body"];

/** A generating route of another vendor's API: how its body becomes jobs, and their events become its reply. */
export interface Operation<R extends Route, Chunk> {
  readonly route: R;
  /** One task for each choice of a request, all for the same model, with what its name sets. */
  tasks(body: BodyOf<R>, settings: NameSettings): readonly TaskRequest[];
  names(body: BodyOf<R>): FieldNames;
  /** Whether the reply is a stream of chunks instead of one body. */
  isStream(body: BodyOf<R>): boolean;
  /** Makes the translator for one request. */
  translator(first: ChoiceJob, body: BodyOf<R>): Translator<Chunk, RouteReply<R>>;
  readonly writer: ChunkWriter<Chunk>;
}

/** Turns the events of the jobs that answer one request into chunks, and into the whole answer. */
export interface Translator<Chunk, Whole> {
  /**
   * The chunks for an item of a choice's stream.
   *
   * @throws {LlorchError} the job's error
   */
  take(choice: number, item: StreamItem): readonly Chunk[];
  /** The whole answer, once all jobs have ended. */
  whole(): Whole;
  /** Does what must be done before the chunks of a job's end are sent. */
  settle?(): Promise<void>;
  /** The chunks that end a stream that failed; absent: the writer's error frame ends it. */
  fail?(error: LlorchError): readonly Chunk[];
}

/** How a dialect writes the chunks of a stream. */
export interface ChunkWriter<Chunk> extends StreamWriter {
  /** Writes chunks that came together as one frame. */
  frame(chunks: readonly Chunk[]): Uint8Array;
  /** The frame that ends a complete stream, where the dialect has one. */
  readonly endFrame?: Uint8Array;
}
