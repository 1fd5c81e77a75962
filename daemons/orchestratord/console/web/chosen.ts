/** Which chosen jobs may still be cancelled. */

/** Whether a job waits or runs. */
export type Stage = "waiting" | "running";

/** Chosen jobs by their ids: chosen one by one, or with all that were in a stage. */
export type Chosen = ReadonlyMap<string, "itself" | Stage>;

/**
 * The chosen jobs that have not ended. One that was chosen with all others of its stage has to be in it
 * still: who chooses all waiting jobs means none that runs.
 *
 * @param open The jobs that have not ended.
 */
export function stillChosen(chosen: Chosen, open: ReadonlyMap<string, Stage>): string[] {
  return [...open].filter(([id, stage]) => {
    const how = chosen.get(id);
    return how === "itself" || how === stage;
  }).map(([id]) => id);
}

/** The stages of the jobs that have not ended, by their ids. */
export function stagesOf(queue: {
  readonly running: readonly { readonly job_id: string }[];
  readonly jobs: readonly { readonly job_id: string }[];
}): Map<string, Stage> {
  return new Map([
    ...queue.running.map(({ job_id }) => [job_id, "running"] as const),
    ...queue.jobs.map(({ job_id }) => [job_id, "waiting"] as const),
  ]);
}
