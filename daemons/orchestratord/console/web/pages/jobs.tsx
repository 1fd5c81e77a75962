import type { JobStatus, JobView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { useState } from "preact/hooks";
import { formatCount } from "../format.ts";
import { useFetch, useNow, useThrottled } from "../hooks.ts";
import { useLive } from "../live.ts";
import { Badge } from "../parts/badge.tsx";
import { CancelButton } from "../parts/cancel_button.tsx";
import { Name } from "../parts/name.tsx";
import { Ongoing } from "../parts/ongoing.tsx";
import { Empty, Table } from "../parts/table.tsx";

/** Jobs on one page. */
const PAGE = 25;

/** How often the lists are fetched again, in ms; no event tells all changes of a stored job. */
const FRESH_MS = 2_000;

const STATUSES: readonly JobStatus[] = [
  "queued",
  "dispatched",
  "running",
  "completed",
  "failed",
  "cancelled",
];

interface JobPage {
  readonly tasks: readonly Omit<JobView, "output">[];
  readonly next_cursor?: string;
}

/** Jobs, newest first. */
export function JobsPage() {
  const [status, setStatus] = useState("");
  const [model, setModel] = useState("");
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const { rates } = useLive();
  const version = useThrottled(rates, FRESH_MS);
  const isBusy = (rates?.queue_depth ?? 0) + (rates?.running ?? 0) > 0;
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (status) query.set("status", status);
  if (model) query.set("model", model);
  const cursor = cursors.at(-1);
  if (cursor) query.set("cursor", cursor);
  const { value, error, refresh } = useFetch<JobPage>(`/v2/tasks?${query}`, version);
  const filter = (change: () => void) => {
    setCursors([]);
    change();
  };
  return (
    <>
      {isBusy && <Ongoing version={version} />}
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          Status
          <select
            value={status}
            onChange={(event) => filter(() => setStatus(event.currentTarget.value))}
          >
            <option value="">all</option>
            {STATUSES.map((each) => <option key={each}>{each}</option>)}
          </select>
        </label>
        <label>
          Model
          <input
            type="search"
            value={model}
            placeholder="exact name"
            onChange={(event) => filter(() => setModel(event.currentTarget.value.trim()))}
          />
        </label>
      </form>
      <p class="dim small">
        Jobs of <code>/v2/tasks</code> and of batches, which are stored. Other calls of{" "}
        <code>/v1</code> are not stored; they are shown above while they run or wait.
      </p>
      {error && <p class="bad-text" role="alert">{error}</p>}
      {value?.tasks.length === 0
        ? <Empty>There are no such jobs.</Empty>
        : <JobTable jobs={value?.tasks ?? []} onChanged={refresh} />}
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
    </>
  );
}

function JobTable({ jobs, onChanged }: { jobs: JobPage["tasks"]; onChanged: () => void }) {
  const now = useNow();
  return (
    <Table
      label="Jobs"
      head={[
        "Job",
        "Status",
        "Model",
        "Class",
        "#Created",
        "#Took",
        "#Attempts",
        "#Tokens",
        "Actions",
      ]}
    >
      {jobs.map((job) => {
        const from = Date.parse(job.created_at);
        const end = job.ended_at === undefined ? now : Date.parse(job.ended_at);
        return (
          <tr key={job.job_id}>
            <td class="id">
              <a href={`#/jobs/${job.job_id}`}>{job.job_id}</a>
            </td>
            <td>
              <Badge>{job.status}</Badge>{" "}
              {job.error && <span class="small dim">{job.error.code}</span>}
            </td>
            <td class="name">
              <Name>{job.model}</Name>
            </td>
            <td>{job.priority}</td>
            <td class="number">{formatDuration(Math.max(0, now - from))} ago</td>
            <td class="number">{formatDuration(Math.max(0, end - from))}</td>
            <td class="number">{job.attempts.length}</td>
            <td class="number">{job.usage ? formatCount(job.usage.tokens_out) : ""}</td>
            <td>
              {job.ended_at === undefined && <CancelButton id={job.job_id} onDone={onChanged} />}
            </td>
          </tr>
        );
      })}
    </Table>
  );
}
