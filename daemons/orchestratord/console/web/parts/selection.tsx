import { useState } from "preact/hooks";
import { call, segment } from "../api.ts";
import { formatThings } from "../format.ts";
import { Confirm } from "./dialog.tsx";
import { notify } from "./notices.tsx";

/** Cancels that are sent at a time: the browser has six connections to a service. */
const AT_A_TIME = 4;

/** The jobs that a person has chosen. */
export interface Selection {
  has(id: string): boolean;
  set(ids: readonly string[], isChosen: boolean): void;
}

/**
 * Which jobs are chosen.
 *
 * @param open The jobs that can be cancelled now: others are not chosen any more.
 */
export function useSelection(open: readonly string[]): Selection & { readonly ids: string[] } {
  const [chosen, choose] = useState<ReadonlySet<string>>(new Set());
  return {
    ids: [...new Set(open)].filter((id) => chosen.has(id)),
    has: (id) => chosen.has(id),
    set(ids, isChosen) {
      choose((before) => {
        const after = new Set(before);
        for (const id of ids) isChosen ? after.add(id) : after.delete(id);
        return after;
      });
    },
  };
}

/** A box that chooses a job. */
export function Choose({ id, selection }: { id: string; selection: Selection }) {
  return (
    <input
      type="checkbox"
      aria-label={`Choose ${id}`}
      checked={selection.has(id)}
      onChange={(event) => selection.set([id], event.currentTarget.checked)}
    />
  );
}

/** Chooses all of some jobs, or none of them. */
export function ChooseAll({ ids, what, selection }: {
  ids: readonly string[];
  /** What they are: `waiting`. */
  what: string;
  selection: Selection;
}) {
  const all = ids.every((id) => selection.has(id));
  return (
    <button type="button" onClick={() => selection.set(ids, !all)}>
      {all ? "Choose none" : `Choose all ${ids.length} ${what}`}
    </button>
  );
}

/** Cancels the chosen jobs, after a confirmation; nothing if none is chosen. */
export function CancelChosen({ ids, onDone }: { ids: readonly string[]; onDone: () => void }) {
  const [isAsking, ask] = useState(false);
  const jobs = formatThings(ids.length, "job");
  const cancel = async () => {
    ask(false);
    const failures = await cancelAll(ids);
    const done = formatThings(ids.length - failures.length, "job");
    if (failures.length === 0) notify(`Cancelled ${done}`);
    else notify(`Cancelled ${done}, ${failures.length} could not be: ${failures[0]}`, true);
    onDone();
  };
  if (ids.length === 0 && !isAsking) return null;
  return (
    <div class="chosen" role="region" aria-label="Chosen jobs">
      <button type="button" class="danger" onClick={() => ask(true)}>Cancel {jobs}</button>
      {isAsking && (
        <Confirm
          title={`Cancel ${jobs}?`}
          text="They end now; what they have generated so far stays readable where jobs are stored."
          action={`Cancel ${jobs}`}
          onYes={cancel}
          onNo={() => ask(false)}
        />
      )}
    </div>
  );
}

/** @returns why some could not be cancelled */
async function cancelAll(ids: readonly string[]): Promise<string[]> {
  const left = [...ids];
  const failures: string[] = [];
  const work = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      try {
        await call("POST", `/v2/tasks/${segment(id)}/cancel`);
      } catch (error) {
        failures.push((error as Error).message);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return failures;
}
