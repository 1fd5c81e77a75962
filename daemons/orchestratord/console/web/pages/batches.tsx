import type { BatchObject } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { useState } from "preact/hooks";
import { call, segment } from "../api.ts";
import { formatCount } from "../format.ts";
import { useFetch, useThrottled } from "../hooks.ts";
import { useLive } from "../live.ts";
import { useNow } from "../now.ts";
import { Badge } from "../parts/badge.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { attempt } from "../parts/notices.tsx";
import { Empty, Table } from "../parts/table.tsx";
import { statusWord } from "../words.ts";

/** Batches on one page. */
const PAGE = 20;

/** How often the list is fetched again, in ms; no event tells all changes of a batch. */
const FRESH_MS = 2_000;

interface BatchPage {
  readonly data: readonly BatchObject[];
  readonly has_more: boolean;
}

/** Batches, newest first. */
export function BatchesPage() {
  const [seen, setSeen] = useState<readonly string[]>([]);
  const { rates } = useLive();
  const version = useThrottled(rates, FRESH_MS);
  const last = seen.at(-1);
  const query = last === undefined ? "" : `&after=${segment(last)}`;
  const { value, error, refresh } = useFetch<BatchPage>(
    `/v1/batches?limit=${PAGE}${query}`,
    version,
  );
  const oldest = value?.data.at(-1)?.id;
  return (
    <>
      <p class="dim small">
        Batches of <code>/v1/batches</code>. Each of their requests is a job of the class{" "}
        <code>batch</code>.
      </p>
      {error && <p class="bad-text" role="alert">{error}</p>}
      {value?.data.length === 0
        ? <Empty>There are no batches.</Empty>
        : <BatchTable batches={value?.data ?? []} onChanged={refresh} />}
      <nav class="paging" aria-label="Pages of batches">
        <button
          type="button"
          disabled={seen.length === 0}
          onClick={() => setSeen(seen.slice(0, -1))}
        >
          Newer
        </button>
        <button
          type="button"
          disabled={!value?.has_more}
          onClick={() => oldest && setSeen([...seen, oldest])}
        >
          Older
        </button>
        <span class="dim">Page {seen.length + 1}</span>
      </nav>
    </>
  );
}

function BatchTable(
  { batches, onChanged }: { batches: readonly BatchObject[]; onChanged: () => void },
) {
  const now = useNow();
  return (
    <Table
      label="Batches"
      head={["Batch", "Status", "Endpoint", "#Created", "#Done", "#Failed", "Files", "Actions"]}
    >
      {batches.map((batch) => {
        const { id, status, endpoint, created_at, request_counts: counts, errors } = batch;
        const files = [batch.input_file_id, batch.output_file_id, batch.error_file_id];
        return (
          <tr key={id}>
            <td class="id">{id}</td>
            <td>
              <Badge>{statusWord(status)}</Badge>{" "}
              {errors && <span class="small dim">{errors.data[0]?.message}</span>}
            </td>
            <td>{endpoint}</td>
            <td class="number">{formatDuration(Math.max(0, now - created_at * 1000))} ago</td>
            <td class="number">
              {formatCount(counts.completed + counts.failed)} of {formatCount(counts.total)}
            </td>
            <td class="number">{formatCount(counts.failed)}</td>
            <td class="id breaks">
              {files.map((file) => file && <div key={file}>{file}</div>)}
            </td>
            <td>
              {isOpen(status) && <CancelBatch id={id} onDone={onChanged} />}
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

/** Whether a batch can be cancelled. */
function isOpen(status: BatchObject["status"]): boolean {
  return status === "validating" || status === "in_progress";
}

/** Cancels a batch, after a confirmation. */
function CancelBatch({ id, onDone }: { id: string; onDone: () => void }) {
  const [isAsking, ask] = useState(false);
  const cancel = async () => {
    ask(false);
    await attempt(() => call("POST", `/v1/batches/${segment(id)}/cancel`), `${id} is cancelled`);
    onDone();
  };
  return (
    <>
      <button type="button" aria-label={`Cancel ${id}`} onClick={() => ask(true)}>Cancel</button>
      {isAsking && (
        <Confirm
          title="Cancel this batch?"
          text={`${id} ends now; what was answered so far is in its files.`}
          action="Cancel the batch"
          onYes={cancel}
          onNo={() => ask(false)}
        />
      )}
    </>
  );
}
