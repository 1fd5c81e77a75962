import type { Orchestrator } from "../../service.ts";
import type { BatchRow } from "../../store/batch_store.ts";
import { linesOf } from "../files/lines.ts";
import { FileWriter } from "../files/writer.ts";
import { customIdOf } from "./line.ts";
import { type GivenUp, givenUp } from "./result.ts";

/** Ids of the files of a batch that were made. */
export interface Outputs {
  readonly outputFileId?: string;
  readonly errorFileId?: string;
}

const encoder = new TextEncoder();

/**
 * Writes the results of a batch into its files, in the order of the lines. A file without a line is not made.
 *
 * @param why Why the lines without a result have none.
 * @param stop Aborts when the service stops.
 * @returns undefined if the service stops before that
 * @throws {LlorchError} `NOT_READY` if the store cannot be written: it can be called again
 */
export async function writeOutputs(
  { store, clock }: Pick<Orchestrator, "store" | "clock">,
  batch: BatchRow,
  why: GivenUp,
  stop: AbortSignal,
): Promise<Outputs | undefined> {
  const { batches, files } = store;
  const output = new Output(batch, "output", { files, now: () => clock.now() });
  const errors = new Output(batch, "error", { files, now: () => clock.now() });
  // What an earlier try has left.
  await files.remove(output.id);
  await files.remove(errors.id);
  let next = await batches.nextResult(batch.id, 0);
  for await (const { number, bytes } of linesOf(files, batch.inputFileId)) {
    if (stop.aborted) return undefined;
    if (next?.line === number) {
      await (next.isError ? errors : output).write(next.result);
      next = await batches.nextResult(batch.id, number);
    } else {
      const name = { batchId: batch.id, line: number, customId: customIdOf(bytes) };
      await errors.write(givenUp(name, why));
    }
  }
  const outputFileId = await output.finish();
  const errorFileId = await errors.finish();
  return { ...(outputFileId ? { outputFileId } : {}), ...(errorFileId ? { errorFileId } : {}) };
}

/** One of the two files, which begins with its first line. */
class Output {
  /** The same at each try, so that no try leaves a second one. */
  readonly id: string;
  readonly #batch: BatchRow;
  readonly #kind: "output" | "error";
  readonly #deps: { files: Orchestrator["store"]["files"]; now: () => number };
  #writer: FileWriter | undefined;

  constructor(
    batch: BatchRow,
    kind: "output" | "error",
    deps: { files: Orchestrator["store"]["files"]; now: () => number },
  ) {
    this.#batch = batch;
    this.#kind = kind;
    this.#deps = deps;
    this.id = `file-${batch.id.replace(/^batch_/, "")}-${kind}`;
  }

  async write(line: string): Promise<void> {
    const { tenant, id } = this.#batch;
    this.#writer ??= await FileWriter.begin(this.#deps.files, {
      id: this.id,
      tenant,
      name: `${id}_${this.#kind}.jsonl`,
      purpose: "batch_output",
      createdAt: this.#deps.now(),
    });
    await this.#writer.write(encoder.encode(`${line}\n`));
    this.#writer.countLines(1);
  }

  /** @returns its id; undefined if it has no line */
  async finish(): Promise<string | undefined> {
    const { outputMs } = this.#batch;
    await this.#writer?.finish(outputMs === undefined ? undefined : this.#deps.now() + outputMs);
    return this.#writer && this.id;
  }
}
