import type { QueueView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { useFetch } from "../hooks.ts";
import { CancelButton } from "./cancel_button.tsx";
import { Name } from "./name.tsx";
import { Table } from "./table.tsx";

/** Rows that are shown; the queue may be long. */
const SHOWN = 20;

/** What waits, calls of `/v1` too, in the order in which it is served, and why. */
export function Waiting({ version }: { version: unknown }) {
  const { value, refresh } = useFetch<QueueView>("/v2/queue", version);
  if (!value || value.jobs.length === 0) return null;
  const more = value.depth - Math.min(SHOWN, value.jobs.length);
  return (
    <>
      <h2>Waiting</h2>
      <Table label="Waiting" head={["#Place", "Job", "Model", "Class", "#For", "Why", "Actions"]}>
        {value.jobs.slice(0, SHOWN).map((job) => (
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
              <CancelButton id={job.job_id} onDone={refresh} />
            </td>
          </tr>
        ))}
      </Table>
      {more > 0 && <p class="dim small">and {more} more</p>}
      <h2>All</h2>
    </>
  );
}
