import type { QueueView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { CancelButton } from "./cancel_button.tsx";
import { Name } from "./name.tsx";
import { Table } from "./table.tsx";

/** Rows that are shown, at most; the queue may be long. */
const SHOWN = 20;

/** The waiting jobs, with calls of `/v1`, in the order in which they are served, and why they wait. */
export function Waiting(
  { queue: { jobs, depth }, onChanged }: { queue: QueueView; onChanged: () => void },
) {
  if (jobs.length === 0) return null;
  const more = depth - Math.min(SHOWN, jobs.length);
  return (
    <>
      <h2>Waiting</h2>
      <Table label="Waiting" head={["#Place", "Job", "Model", "Class", "#For", "Why", "Actions"]}>
        {jobs.slice(0, SHOWN).map((job) => (
          <tr key={job.job_id}>
            <td class="number">{job.position + 1}</td>
            <td class="id">{job.job_id}</td>
            <td class="name">
              <Name>{job.model}</Name>
            </td>
            <td>{job.priority}</td>
            <td class="number">{formatDuration(job.waiting_ms)}</td>
            <td class="name">
              <Name>{job.reason}</Name>
            </td>
            <td>
              <CancelButton id={job.job_id} onDone={onChanged} />
            </td>
          </tr>
        ))}
      </Table>
      {more > 0 && <p class="dim small">and {more} more</p>}
    </>
  );
}
