import type { QueueView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { formatCount } from "../format.ts";
import { CancelButton } from "./cancel_button.tsx";
import { Name } from "./name.tsx";
import { Table } from "./table.tsx";

/** Rows that are shown, at most. */
const SHOWN = 20;

/** The running jobs, with calls of `/v1`, and where they run. */
export function Running(
  { jobs, onChanged }: { jobs: QueueView["running"]; onChanged: () => void },
) {
  if (jobs.length === 0) return null;
  return (
    <>
      <h2>Running</h2>
      <Table
        label="Running"
        head={["Job", "Model", "Class", "Worker", "#For", "#Attempt", "#Tokens", "Actions"]}
      >
        {jobs.slice(0, SHOWN).map((job) => (
          <tr key={job.job_id}>
            <td class="id">
              {job.durable ? <a href={`#/jobs/${job.job_id}`}>{job.job_id}</a> : job.job_id}
            </td>
            <td class="name">
              <Name>{job.model}</Name>
            </td>
            <td>{job.priority}</td>
            <td class="id">{job.worker_id} on {job.pool_id}</td>
            <td class="number">{formatDuration(job.running_ms)}</td>
            <td class="number">{job.attempt}</td>
            <td class="number">{formatCount(job.tokens_out)}</td>
            <td>
              <CancelButton id={job.job_id} onDone={onChanged} />
            </td>
          </tr>
        ))}
      </Table>
      {jobs.length > SHOWN && <p class="dim small">and {jobs.length - SHOWN} more</p>}
    </>
  );
}
