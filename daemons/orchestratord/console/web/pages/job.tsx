import type { JobView } from "#shared/contracts/mod.ts";
import { timeline } from "#shared/jobs/timeline.ts";
import { segment } from "../api.ts";
import { useFetch, useNow } from "../hooks.ts";
import { Badge } from "../parts/badge.tsx";
import { CancelButton } from "../parts/cancel_button.tsx";
import { Table } from "../parts/table.tsx";

/** One job: what happened to it, and what it said. */
export function JobPage({ id }: { id: string }) {
  const now = useNow();
  const path = `/v2/tasks/${segment(id)}`;
  const first = useFetch<JobView>(path);
  const isLive = first.value !== undefined && first.value.ended_at === undefined;
  const { value: job, error, refresh } = useFetch<JobView>(path, isLive ? now : 0);
  if (error) return <p class="bad-text" role="alert">{error}</p>;
  if (!job) return <p role="status">Loading…</p>;
  return (
    <>
      <p class="head-line">
        <span class="id">{job.job_id}</span> <Badge>{job.status}</Badge>
        <span>{job.model}</span> <span class="dim">{job.priority}</span>
        {job.ended_at === undefined && <CancelButton id={job.job_id} onDone={refresh} />}
      </p>
      <h2>Timeline</h2>
      <Timeline job={job} now={now} />
      <Table label="Timeline" head={["When", "What", "More"]}>
        {timeline(job).map(([when, what, more], index) => (
          <tr key={index}>
            <td class="when">{when}</td>
            <td>{what}</td>
            <td class="name">{more}</td>
          </tr>
        ))}
      </Table>
      <h2>Output</h2>
      {job.output === undefined
        ? <p class="empty">Nothing was generated yet, or it was erased after its retention.</p>
        : <pre class="output" tabIndex={0} aria-label="Output">{job.output}</pre>}
      <p>
        <a href="#/jobs">All jobs</a>
      </p>
    </>
  );
}

/** The spans of a job's life in one line: waiting, then each attempt. The table says the same. */
function Timeline({ job, now }: { job: JobView; now: number }) {
  const from = Date.parse(job.created_at);
  const end = job.ended_at === undefined ? Math.max(now, from + 1) : Date.parse(job.ended_at);
  const whole = Math.max(1, end - from);
  const x = (time: string | undefined) =>
    time === undefined ? 1000 : 1000 * (Date.parse(time) - from) / whole;
  return (
    <svg class="timeline" viewBox="0 0 1000 26" preserveAspectRatio="none" aria-hidden="true">
      <rect class="waiting" x="0" y="6" width="1000" height="14" />
      {job.attempts.map(({ started_at, ended_at, reason }, index) => (
        <rect
          key={index}
          class={reason === undefined ? "attempt" : "attempt lost"}
          x={x(started_at)}
          y="3"
          width={Math.max(2, x(ended_at) - x(started_at))}
          height="20"
        />
      ))}
      {job.first_token_at && (
        <rect class="first" x={x(job.first_token_at)} y="0" width="3" height="26" />
      )}
    </svg>
  );
}
