import type { QueueView } from "#shared/contracts/mod.ts";
import { useState } from "preact/hooks";
import { call, segment } from "../api.ts";
import { type Chosen, type Stage, stagesOf, stillChosen } from "../chosen.ts";
import { formatThings } from "../format.ts";
import { Confirm } from "./dialog.tsx";
import { notify } from "./notices.tsx";

/** Cancels that are sent at a time: the browser has six connections to a service. */
const AT_A_TIME = 4;

/** The lists of jobs. */
export type List = Stage | "history";

/** The jobs that a person has chosen. */
export interface Selection {
  /** Those that can be cancelled now. */
  readonly ids: readonly string[];
  /** The list in which was chosen last. */
  readonly list: List;
  has(id: string): boolean;
  set(ids: readonly string[], isChosen: boolean, from: { list: List; how: Stage | "itself" }): void;
  /** Asks whether to cancel them. */
  ask(): void;
}

/** What {@linkcode CancelChosen} needs besides. */
interface Asked extends Selection {
  readonly isAsking: boolean;
  answer(): void;
  /** The chosen jobs without those that have left the stage with which they were chosen. */
  among(open: ReadonlyMap<string, Stage>): string[];
  forget(ids: readonly string[]): void;
}

/**
 * Which jobs are chosen.
 *
 * @param open The jobs that can be cancelled now: others are not chosen any more.
 * @param isShown Whether a list is on the page.
 */
export function useSelection(
  open: ReadonlyMap<string, Stage>,
  isShown: (list: List) => boolean,
): Asked {
  const [chosen, choose] = useState<Chosen>(new Map());
  const [list, setList] = useState<List>("history");
  const [isAsking, setAsking] = useState(false);
  const ids = stillChosen(chosen, open);
  const set = new Set(ids);
  return {
    ids,
    list: isShown(list) ? list : "history",
    isAsking,
    has: (id) => set.has(id),
    set(ids, isChosen, { list, how }) {
      setList(list);
      choose((before) => {
        const after = new Map(before);
        for (const id of ids) isChosen ? after.set(id, how) : after.delete(id);
        return after;
      });
    },
    ask: () => setAsking(true),
    answer: () => setAsking(false),
    among: (open) =>
      ids.filter((id) => chosen.get(id) === "itself" || chosen.get(id) === open.get(id)),
    forget: (ids) => choose((before) => new Map([...before].filter(([id]) => !ids.includes(id)))),
  };
}

/** A box that chooses a job. */
export function Choose({ id, list, selection }: { id: string; list: List; selection: Selection }) {
  return (
    <input
      type="checkbox"
      aria-label={`Choose ${id}`}
      checked={selection.has(id)}
      onChange={(event) =>
        selection.set([id], event.currentTarget.checked, { list, how: "itself" })}
    />
  );
}

/** Chooses all jobs of a stage, or none of them. */
export function ChooseAll({ ids, stage, selection }: {
  ids: readonly string[];
  stage: Stage;
  selection: Selection;
}) {
  const all = ids.every((id) => selection.has(id));
  return (
    <button
      type="button"
      onClick={() => selection.set(ids, !all, { list: stage, how: stage })}
    >
      {all ? "Choose none" : `Choose all ${ids.length} ${stage}`}
    </button>
  );
}

/**
 * Offers to cancel the chosen jobs, at the edge of the screen. Each list has it beside its heading, so that a
 * keyboard comes to it from there; it is shown in that in which was chosen last.
 */
export function ChosenBar({ list, selection }: { list: List; selection: Selection }) {
  if (selection.ids.length === 0 || selection.list !== list) return null;
  return (
    <div class="chosen" role="region" aria-label="Chosen jobs">
      <button type="button" class="danger" onClick={() => selection.ask()}>
        Cancel {formatThings(selection.ids.length, "job")}
      </button>
    </div>
  );
}

/** Cancels the chosen jobs, once a person has asked for it and confirmed it. */
export function CancelChosen({ selection, onDone }: { selection: Asked; onDone: () => void }) {
  const { ids, isAsking } = selection;
  const jobs = formatThings(ids.length, "job");
  const cancel = async () => {
    selection.answer();
    try {
      // What is shown may be seconds old.
      const open = stagesOf(await call<QueueView>("GET", "/v2/queue"));
      const left = selection.among(open);
      const failures = await cancelAll(left);
      notify(wordsOf(ids.length - left.length, left.length, failures), failures.length > 0);
    } catch (error) {
      return notify((error as Error).message, true);
    }
    selection.forget(ids);
    onDone();
  };
  if (!isAsking || ids.length === 0) return null;
  return (
    <Confirm
      title={`Cancel ${jobs}?`}
      text="They end now; what they have generated so far stays readable where jobs are stored."
      action={`Cancel ${jobs}`}
      onYes={cancel}
      onNo={selection.answer}
    />
  );
}

/** What came of it: `Cancelled 2 jobs, 1 had started or ended before`. */
function wordsOf(gone: number, sent: number, failures: readonly string[]): string {
  return [
    `Cancelled ${formatThings(sent - failures.length, "job")}`,
    ...(gone > 0 ? [`${gone} had started or ended before`] : []),
    ...(failures.length > 0 ? [`${failures.length} could not be: ${failures[0]}`] : []),
  ].join(", ");
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
