import type { Route, RouteReply } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App, Call } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { type ChoiceItems, followAll, submitAll } from "./choices.ts";
import type { ChunkWriter, Operation, Translator } from "./dialect.ts";
import { startOrTimeout } from "./start.ts";

/** Mounts an operation. Its jobs are not stored, and are cancelled when the client leaves. */
export function serve<R extends Route, Chunk>(
  app: App,
  orchestrator: Orchestrator,
  operation: Operation<R, Chunk>,
): void {
  const { config, openStreams } = orchestrator;
  const { route, writer } = operation;

  app.mount<R>(route, async (call: Call<R>): Promise<RouteReply<R> | Response> => {
    const { body, signal } = call;
    const tasks = operation.tasks(body);
    const begin = async () => {
      const jobs = await submitAll(orchestrator, tasks, call);
      const batches = followAll(orchestrator, jobs, signal);
      return { translator: operation.translator(jobs[0]!, body), batches };
    };
    if (operation.isStream(body)) {
      return await openStreams.place(signal, async (close) => {
        const { translator, batches } = await begin();
        // A failure before the first byte can be an HTTP status. If loading takes longer, the stream opens first.
        const started = await startOrTimeout(batches, config.streams.first_byte_ms);
        return openStreams.reply(frames(started, translator, writer), close, writer);
      });
    }
    return await openStreams.wait(async () => {
      const { translator, batches } = await begin();
      for await (const { choice, items } of batches) {
        for (const item of items) translator.take(choice, item);
      }
      return translator.whole();
    });
  });
}

async function* frames<Chunk>(
  batches: AsyncGenerator<ChoiceItems>,
  translator: Translator<Chunk, unknown>,
  writer: ChunkWriter<Chunk>,
): AsyncGenerator<Uint8Array> {
  let chunks: Chunk[] = [];
  try {
    for await (const { choice, items } of batches) {
      for (const item of items) chunks.push(...translator.take(choice, item));
      if (chunks.length === 0) continue;
      yield writer.frame(chunks);
      chunks = [];
    }
    if (writer.endFrame) yield writer.endFrame;
  } catch (error) {
    if (!(error instanceof LlorchError)) throw error;
    // Chunks that came together with the error are sent before it.
    if (chunks.length > 0) yield writer.frame(chunks);
    yield writer.errorFrame(error);
  }
}
