import type { QueueView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { formatCount, formatRate } from "../format.ts";
import { useModelName } from "../model_names.ts";
import { CancelButton } from "./cancel_button.tsx";
import { Name } from "./name.tsx";
import { Owner } from "./owner.tsx";
import { Section } from "./section.tsx";
import { Choose, ChooseAll, ChosenBar, type Selection } from "./selection.tsx";
import { ShowAll, useShown } from "./show_all.tsx";
import { Table } from "./table.tsx";
import { WorkerLink } from "./worker_link.tsx";

const HEAD = [
  ...["", "Job", "Model", "Owner", "Priority", "Worker"],
  ...["#Running for", "#Attempt", "#Tokens", "#Tokens/s", "Actions"],
];

/** The running jobs, with calls of `/v1`, and where they run. */
export function Running({ jobs, selection, onChanged }: {
  jobs: QueueView["running"];
  selection: Selection;
  onChanged: () => void;
}) {
  const nameOf = useModelName();
  const { shown, showAll } = useShown(jobs);
  if (jobs.length === 0) return null;
  return (
    <Section
      title="Running jobs"
      beside={
        <>
          <ChooseAll ids={jobs.map((job) => job.job_id)} stage="running" selection={selection} />
          <ChosenBar list="running" selection={selection} />
        </>
      }
    >
      <Table label="Running jobs" head={HEAD}>
        {shown.map((job) => (
          <tr key={job.job_id}>
            <td class="choose">
              <Choose id={job.job_id} list="running" selection={selection} />
            </td>
            <td class="id short" title={job.job_id}>
              {job.durable ? <a href={`#/jobs/${job.job_id}`}>{job.job_id}</a> : job.job_id}
            </td>
            <td class="name">
              <Name>{nameOf(job.model)}</Name>
            </td>
            <td>
              <Owner name={job.owner} />
            </td>
            <td>{job.priority}</td>
            <td class="id">
              <WorkerLink pool={job.pool_id} id={job.worker_id} />
            </td>
            <td class="number">{formatDuration(job.running_ms)}</td>
            <td class="number">{job.attempt}</td>
            <td class="number">{formatCount(job.tokens_out)}</td>
            <td class="number">
              {job.tokens_per_second === undefined ? "–" : formatRate(job.tokens_per_second)}
            </td>
            <td>
              <CancelButton id={job.job_id} onDone={onChanged} />
            </td>
          </tr>
        ))}
      </Table>
      <ShowAll count={jobs.length} shown={shown.length} onShow={showAll} />
    </Section>
  );
}
