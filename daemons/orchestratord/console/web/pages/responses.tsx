import type { ListedResponseView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { useState } from "preact/hooks";
import { call, segment } from "../api.ts";
import { formatSmallBytes } from "../format.ts";
import { useFetch, useThrottled } from "../hooks.ts";
import { useLive } from "../live.ts";
import { useModelName } from "../model_names.ts";
import { useNow } from "../now.ts";
import { Badge } from "../parts/badge.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { Name } from "../parts/name.tsx";
import { attempt } from "../parts/notices.tsx";
import { Empty, Table } from "../parts/table.tsx";
import { statusWord } from "../words.ts";

/** Responses on one page. */
const PAGE = 25;

/** How often the list is fetched again, in ms; no event tells all changes of a stored response. */
const FRESH_MS = 2_000;

interface ResponsePage {
  readonly data: readonly ListedResponseView[];
  readonly has_more: boolean;
}

/** Stored responses, newest first. */
export function ResponsesPage() {
  const [seen, setSeen] = useState<readonly string[]>([]);
  const { rates } = useLive();
  const version = useThrottled(rates, FRESH_MS);
  const last = seen.at(-1);
  const query = last === undefined ? "" : `&after=${segment(last)}`;
  const { value, error, refresh } = useFetch<ResponsePage>(
    `/v1/responses?limit=${PAGE}${query}`,
    version,
  );
  const oldest = value?.data.at(-1)?.id;
  return (
    <>
      <p class="dim small">
        Stored responses of <code>/v1/responses</code>. <code>GET /v1/responses/ID</code>{" "}
        has the text of one.
      </p>
      {error && <p class="bad-text" role="alert">{error}</p>}
      {value?.data.length === 0
        ? <Empty>There are no stored responses.</Empty>
        : <ResponseTable responses={value?.data ?? []} onChanged={refresh} />}
      <nav class="paging" aria-label="Pages of responses">
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

function ResponseTable(
  { responses, onChanged }: {
    responses: readonly ListedResponseView[];
    onChanged: () => void;
  },
) {
  const now = useNow();
  const nameOf = useModelName();
  const ago = (seconds: number) => `${formatDuration(Math.max(0, now - seconds * 1000))} ago`;
  return (
    <Table
      label="Responses"
      head={["Response", "Status", "Model", "#Created", "#Used", "#Size", "Actions"]}
    >
      {responses.map(({ id, status, model, created_at, used_at, bytes, ended_at }) => (
        <tr key={id}>
          <td class="id breaks">{id}</td>
          <td>
            <Badge>{statusWord(status)}</Badge>
          </td>
          <td class="name">
            <Name>{nameOf(model)}</Name>
          </td>
          <td class="number">{ago(created_at)}</td>
          <td class="number">{ago(used_at)}</td>
          <td class="number">{formatSmallBytes(bytes)}</td>
          <td>
            {ended_at === null && <CancelResponse id={id} onDone={onChanged} />}{" "}
            <DeleteResponse id={id} onDone={onChanged} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** Cancels a response that is being made: what there is of it stays. */
function CancelResponse({ id, onDone }: { id: string; onDone: () => void }) {
  const cancel = async () => {
    await attempt(() => call("POST", `/v1/responses/${segment(id)}/cancel`), `${id} is cancelled`);
    onDone();
  };
  return <button type="button" aria-label={`Cancel ${id}`} onClick={cancel}>Cancel</button>;
}

/** Erases a response, after a confirmation. */
function DeleteResponse({ id, onDone }: { id: string; onDone: () => void }) {
  const [isAsking, ask] = useState(false);
  const erase = async () => {
    ask(false);
    await attempt(() => call("DELETE", `/v1/responses/${segment(id)}`), `${id} is erased`);
    onDone();
  };
  return (
    <>
      <button type="button" aria-label={`Delete ${id}`} onClick={() => ask(true)}>Delete</button>
      {isAsking && (
        <Confirm
          title="Delete this response?"
          text={`${id} is erased; a conversation cannot go on from it.`}
          action="Delete the response"
          onYes={erase}
          onNo={() => ask(false)}
        />
      )}
    </>
  );
}
