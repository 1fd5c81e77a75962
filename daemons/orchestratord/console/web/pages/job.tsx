import type { JobView } from "#shared/contracts/mod.ts";
import { timeline } from "#shared/jobs/timeline.ts";
import { useEffect } from "preact/hooks";
import { segment } from "../api.ts";
import { useFetch } from "../hooks.ts";
import { useModelName } from "../model_names.ts";
import { useNow } from "../now.ts";
import { Badge } from "../parts/badge.tsx";
import { CallView, Thoughts } from "../parts/answer.tsx";
import { CancelButton } from "../parts/cancel_button.tsx";
import { Missing } from "../parts/missing.tsx";
import { Name } from "../parts/name.tsx";
import { Owner } from "../parts/owner.tsx";
import { Table } from "../parts/table.tsx";
import { JOB_WORDS } from "../words.ts";

/** How often a live job is fetched again, in ms. */
const FRESH_MS = 1_000;

/** One job: its timeline and its output. */
export function JobPage({ id }: { id: string }) {
  const now = useNow();
  const nameOf = useModelName();
  const { value: job, error, refresh } = useFetch<JobView>(`/v2/tasks/${segment(id)}`);
  const isLive = job !== undefined && job.ended_at === undefined;
  useEffect(() => {
    if (!isLive) return;
    const timer = setInterval(refresh, FRESH_MS);
    return () => clearInterval(timer);
  }, [isLive, refresh]);
  if (error && !job) {
    return <Missing title="There is no such job here" text={error} href="#/jobs" link="All jobs" />;
  }
  if (!job) return <p role="status">Loading…</p>;
  return (
    <>
      {error && <p class="bad-text" role="alert">{error}</p>}
      <p class="head-line">
        <span class="id">{job.job_id}</span> <Badge>{JOB_WORDS[job.status]}</Badge>
        <Name>{nameOf(job.model)}</Name> <span class="dim">{job.priority}</span>
        <span>
          <span class="dim">owner</span> <Owner name={job.owner} />
        </span>
        {job.ended_at === undefined && <CancelButton id={job.job_id} onDone={refresh} />}
      </p>
      <h2>Timeline</h2>
      <Timeline job={job} now={now} />
      <Table label="Timeline" head={["When", "What", "More"]}>
        {timeline(job).map(([when, what, more], index) => (
          <tr key={index}>
            <td class="when">{when}</td>
            <td>{what}</td>
            <td class="name">
              <Name>{more ?? ""}</Name>
            </td>
          </tr>
        ))}
      </Table>
      <h2>Output</h2>
      {job.reasoning !== undefined && <Thoughts text={job.reasoning} />}
      {job.output === undefined
        ? <p class="empty">There is no output yet, or it was erased after its retention.</p>
        : <pre class="output" dir="auto" tabIndex={0} aria-label="Output">{job.output}</pre>}
      {job.tool_calls?.map((call) => <CallView key={call.id} call={call} />)}
      <p>
        <a href="#/jobs">All jobs</a>
      </p>
    </>
  );
}

/** A bar with the spans of a job's life: waiting, then each attempt. The table has the same as text. */
function Timeline({ job, now }: { job: JobView; now: number }) {
  const from = Date.parse(job.created_at);
  const end = job.ended_at === undefined ? Math.max(now, from + 1) : Date.parse(job.ended_at);
  const whole = Math.max(1, end - from);
  const x = (time: string | undefined) =>
    time === undefined ? 1000 : 1000 * (Date.parse(time) - from) / whole;
  return (
    <svg class="timeline" viewBox="0 0 1000 26" preserveAspectRatio="none" aria-hidden="true">
      <rect class="waiting" x="0" y="6" width="1000" height="14" />
      {job.attempts.map(({ started_at, ended_at, reason, yielded }, index) => (
        <rect
          key={index}
          class={reason === undefined || yielded ? "attempt" : "attempt lost"}
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
