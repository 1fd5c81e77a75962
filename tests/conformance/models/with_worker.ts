import { readSse } from "#shared/http/sse.ts";
import { loadLibllama } from "../../../daemons/worker/engine/libllama/load.ts";
import { openWorker, TOKEN, whenReady } from "../../../daemons/worker/testing/worker.ts";
import type { Execute } from "./table.ts";

/** Runs a worker of this process with a model. */
export async function withWorker<T>(
  model: string,
  work: (execute: Execute) => Promise<T>,
): Promise<T> {
  const { worker, client } = await openWorker(loadLibllama, { model, context: 16_384 });
  try {
    await whenReady(client);
    let jobs = 0;
    return await work(async (fields) => {
      const response = await fetch(`${worker.url}/execute`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
        // The same job each time: what follows from its id, such as the ids of calls, is the same.
        body: JSON.stringify({ model: "family", job_id: "job", attempt: ++jobs, ...fields }),
      });
      if (!response.ok) throw new Error(await response.text());
      const events = await Array.fromAsync(readSse(response.body!));
      return events.map(({ event, data }) => ({ event, data: JSON.parse(data) }));
    });
  } finally {
    worker.shutdown();
    await worker.ended;
  }
}
