import type { JobStatus, JobView, QueueView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { useContext, useState } from "preact/hooks";
import { stagesOf } from "../chosen.ts";
import { formatCount, formatRate, formatTime } from "../format.ts";
import { useFetch, useThrottled } from "../hooks.ts";
import { useLive } from "../live.ts";
import { NamesContext, useModelName } from "../model_names.ts";
import { useNow } from "../now.ts";
import { Badge } from "../parts/badge.tsx";
import { CancelButton } from "../parts/cancel_button.tsx";
import { Name } from "../parts/name.tsx";
import { Owner } from "../parts/owner.tsx";
import { Running } from "../parts/running.tsx";
import { Section } from "../parts/section.tsx";
import {
  CancelChosen,
  Choose,
  ChosenBar,
  type Selection,
  useSelection,
} from "../parts/selection.tsx";
import { Empty, Table } from "../parts/table.tsx";
import { Waiting } from "../parts/waiting.tsx";
import { JOB_WORDS } from "../words.ts";

/** Jobs on one page. */
const PAGE = 25;

/** How often the lists are fetched again, in ms; no event tells all changes of a stored job. */
const FRESH_MS = 2_000;

interface JobPage {
  readonly tasks: readonly Omit<JobView, "output">[];
  readonly next_cursor?: string;
}

/** The running and the waiting jobs, then all stored ones, newest first. */
export function JobsPage() {
  const [status, setStatus] = useState("");
  const [model, setModel] = useState("");
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const { rates } = useLive();
  const names = useContext(NamesContext);
  const version = useThrottled(rates, FRESH_MS);
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (status) query.set("status", status);
  if (model) query.set("model", model);
  const cursor = cursors.at(-1);
  if (cursor) query.set("cursor", cursor);
  const { value, error, refresh: refreshHistory } = useFetch<JobPage>(
    `/v2/tasks?${query}`,
    version,
  );
  const { value: queue, refresh: refreshQueue } = useFetch<QueueView>("/v2/queue", version);
  const refresh = () => {
    refreshHistory();
    refreshQueue();
  };
  const tasks = value?.tasks ?? [];
  const stored = tasks.filter((job) => job.ended_at === undefined)
    .map((job) => [job.job_id, job.status === "queued" ? "waiting" : "running"] as const);
  // The queue is last: it also knows the jobs that are not stored.
  const open = new Map([...stored, ...queue ? stagesOf(queue) : []]);
  const selection = useSelection(open, (list) => {
    if (list === "history") return true;
    return (list === "running" ? queue?.running : queue?.jobs)?.length !== 0;
  });
  const filter = (change: () => void) => {
    setCursors([]);
    change();
  };
  return (
    <>
      {queue && <Running jobs={queue.running} selection={selection} onChanged={refresh} />}
      {queue && <Waiting queue={queue} selection={selection} onChanged={refresh} />}
      <Section
        title="Job history"
        beside={<ChosenBar list="history" selection={selection} />}
      >
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <label>
            Status
            <select
              value={status}
              onChange={(event) => filter(() => setStatus(event.currentTarget.value))}
            >
              <option value="">all</option>
              {(Object.keys(JOB_WORDS) as JobStatus[]).map((each) => (
                <option key={each} value={each}>{JOB_WORDS[each]}</option>
              ))}
            </select>
          </label>
          <label>
            Model
            <input
              type="search"
              list="models"
              value={model}
              placeholder="as the client named it"
              onChange={(event) => filter(() => setModel(event.currentTarget.value.trim()))}
            />
          </label>
          <datalist id="models">
            {[...new Set(names.values())].map((name) => <option key={name} value={name} />)}
          </datalist>
        </form>
        <p class="dim small">
          Jobs of <code>/v2/tasks</code> and of batches, which are stored. Other calls of{" "}
          <code>/v1</code> are not stored; they are shown above while they run or wait.
        </p>
        {error && <p class="bad-text" role="alert">{error}</p>}
        {value?.tasks.length === 0
          ? <Empty>There are no such jobs.</Empty>
          : <JobTable jobs={tasks} selection={selection} onChanged={refresh} />}
        <nav class="paging" aria-label="Pages of jobs">
          <button
            type="button"
            disabled={cursors.length === 0}
            onClick={() => setCursors(cursors.slice(0, -1))}
          >
            Newer
          </button>
          <button
            type="button"
            disabled={value?.next_cursor === undefined}
            onClick={() => setCursors([...cursors, value!.next_cursor!])}
          >
            Older
          </button>
          <span class="dim">Page {cursors.length + 1}</span>
        </nav>
      </Section>
      <CancelChosen selection={selection} onDone={refresh} />
    </>
  );
}

const HEAD = [
  ...["", "Job", "Status", "Model", "Owner", "Priority"],
  ...["#Created", "#Took", "#Attempts", "#Tokens", "#Tokens/s", "Actions"],
];

function JobTable({ jobs, selection, onChanged }: {
  jobs: JobPage["tasks"];
  selection: Selection;
  onChanged: () => void;
}) {
  const now = useNow();
  const nameOf = useModelName();
  return (
    <Table label="Job history" head={HEAD}>
      {jobs.map((job) => {
        const from = Date.parse(job.created_at);
        const isOpen = job.ended_at === undefined;
        const end = isOpen ? now : Date.parse(job.ended_at!);
        const rate = rateOf(job);
        return (
          <tr key={job.job_id}>
            <td class="choose">
              {isOpen && <Choose id={job.job_id} list="history" selection={selection} />}
            </td>
            <td class="id short" title={job.job_id}>
              <a href={`#/jobs/${job.job_id}`}>{job.job_id}</a>
            </td>
            <td>
              <Badge>{JOB_WORDS[job.status]}</Badge>{" "}
              {job.error && job.status === "failed" && (
                <span class="small dim">{job.error.code.toLowerCase().replaceAll("_", " ")}</span>
              )}
            </td>
            <td class="name">
              <Name>{nameOf(job.model)}</Name>
            </td>
            <td>
              <Owner name={job.owner} />
            </td>
            <td>{job.priority}</td>
            <td class="number">{formatTime(job.created_at)}</td>
            <td class="number">{formatDuration(Math.max(0, end - from))}</td>
            <td class="number">{job.attempts.length}</td>
            <td class="number">{job.usage ? formatCount(job.usage.tokens_out) : "–"}</td>
            <td class="number">{rate === undefined ? "–" : formatRate(rate)}</td>
            <td>{isOpen && <CancelButton id={job.job_id} onDone={onChanged} />}</td>
          </tr>
        );
      })}
    </Table>
  );
}

/** Tokens per second from the first token of an ended job; undefined if that is too short to measure. */
function rateOf({ usage, first_token_at, ended_at }: JobPage["tasks"][number]): number | undefined {
  if (!usage || first_token_at === undefined || ended_at === undefined) return undefined;
  const ms = Date.parse(ended_at) - Date.parse(first_token_at);
  return ms < 100 || usage.tokens_out < 2 ? undefined : 1000 * (usage.tokens_out - 1) / ms;
}
