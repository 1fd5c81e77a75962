import type { QueueView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { useModelName } from "../model_names.ts";
import { CancelButton } from "./cancel_button.tsx";
import { Name } from "./name.tsx";
import { Owner } from "./owner.tsx";
import { Section } from "./section.tsx";
import { Choose, ChooseAll, ChosenBar, type Selection } from "./selection.tsx";
import { ShowAll, useShown } from "./show_all.tsx";
import { Table } from "./table.tsx";

const HEAD = [
  ...["", "#Place", "Job", "Model", "Owner", "Priority"],
  ...["#Waiting for", "#Expected start", "Why", "Actions"],
];

/** The waiting jobs, with calls of `/v1`, in the order in which they are served, and why they wait. */
export function Waiting({ queue: { jobs, depth }, selection, onChanged }: {
  queue: QueueView;
  selection: Selection;
  onChanged: () => void;
}) {
  const nameOf = useModelName();
  const { shown, showAll } = useShown(jobs);
  if (jobs.length === 0) return null;
  return (
    <Section
      title="Waiting jobs"
      beside={
        <>
          <ChooseAll ids={jobs.map((job) => job.job_id)} stage="waiting" selection={selection} />
          <ChosenBar list="waiting" selection={selection} />
        </>
      }
    >
      <Table label="Waiting jobs" head={HEAD}>
        {shown.map((job) => (
          <tr key={job.job_id}>
            <td class="choose">
              <Choose id={job.job_id} list="waiting" selection={selection} />
            </td>
            <td class="number">{job.position + 1}</td>
            <td class="id short" title={job.job_id}>{job.job_id}</td>
            <td class="name">
              <Name>{nameOf(job.model)}</Name>
            </td>
            <td>
              <Owner name={job.owner} />
            </td>
            <td>{job.priority}</td>
            <td class="number">{formatDuration(job.waiting_ms)}</td>
            <td class="number">{expected(job.predicted_start_ms)}</td>
            <td class="name">
              <Name>{job.reason}</Name>
            </td>
            <td>
              <CancelButton id={job.job_id} onDone={onChanged} />
            </td>
          </tr>
        ))}
      </Table>
      <ShowAll count={jobs.length} shown={shown.length} onShow={showAll} />
      {depth > jobs.length && (
        <p class="dim small">and {depth - jobs.length} more that are not listed</p>
      )}
    </Section>
  );
}

/** When a job should start. */
function expected(ms: number | undefined): string {
  if (ms === undefined) return "–";
  return ms < 1000 ? "soon" : `in ${formatDuration(ms - ms % 1000)}`;
}
