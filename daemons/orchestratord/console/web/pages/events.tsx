import { useState } from "preact/hooks";
import type { LiveActivity } from "../activity.ts";
import { segment } from "../api.ts";
import { type Folded, folded } from "../folded.ts";
import { formatThings, formatTime } from "../format.ts";
import { KINDS, useLive } from "../live.ts";
import { ActivityMessage } from "../parts/name.tsx";
import { Empty, Table } from "../parts/table.tsx";
import { useIsOperator } from "../session.ts";
import { EVENT_WORDS } from "../words.ts";

/** Kinds that report that something went wrong. */
const TROUBLE: ReadonlySet<string> = new Set([
  "pool_lost",
  "spawn_failed",
  "failover",
  "job_failed",
  "request_unsafe",
  "exit",
]);

/** The activities, newest first; what repeats is one row. */
export function EventsPage() {
  const { activities } = useLive();
  const [kind, setKind] = useState("");
  const [text, setText] = useState("");
  const found = activities.filter((each) =>
    (kind === "" || each.kind === kind) &&
    (text === "" || each.message.toLowerCase().includes(text.toLowerCase()))
  );
  return (
    <>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          What happened
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
            <option value="">anything</option>
            {KINDS.map((each) => <option key={each} value={each}>{EVENT_WORDS[each]}</option>)}
          </select>
        </label>
        <label>
          Containing
          <input
            type="search"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
      </form>
      <p class="dim small">
        The latest 500 events since orchestratord started; its log has all of them.{" "}
        <code>/v2/events</code> and <code>llorch orchestrator events --follow</code> show the same.
      </p>
      {found.length === 0
        ? <Empty>There are no such events.</Empty>
        : (
          <Table label="Events" head={["When", "What happened", "Details"]}>
            {folded(found).map(rowOf)}
          </Table>
        )}
    </>
  );
}

/** The oldest event of a row stays its oldest, so that an open list stays open. */
function keyOf({ latest, earlier }: Folded): string {
  const { id, kind } = earlier.at(-1) ?? latest;
  return `${id} ${kind}`;
}

function rowOf({ latest, earlier }: Folded) {
  const { kind, at } = latest;
  return (
    <tr key={keyOf({ latest, earlier })}>
      <td class="when">
        <time dateTime={at}>{formatTime(at)}</time>
      </td>
      <td>
        <span class={`badge ${TROUBLE.has(kind) ? "bad" : "dim"}`}>{EVENT_WORDS[kind]}</span>
      </td>
      <td class="name">
        <Message activity={latest} />
        {earlier.length > 0 && (
          <details>
            <summary>
              {formatThings(earlier.length + 1, "time")}, first at {formatTime(earlier.at(-1)!.at)}
            </summary>
            <ul class="latest">
              {earlier.map((each) => (
                <li key={`${each.id} ${each.kind}`}>
                  <time dateTime={each.at}>{formatTime(each.at)}</time> <Message activity={each} />
                </li>
              ))}
            </ul>
          </details>
        )}
      </td>
    </tr>
  );
}

function Message({ activity }: { activity: LiveActivity }) {
  const { message, model, job_id, worker_id, pool_id } = activity;
  const isOperator = useIsOperator();
  return (
    <>
      <ActivityMessage text={message} model={model} />{" "}
      {job_id && <a href={`#/jobs/${job_id}`}>job</a>}
      {isOperator && worker_id && pool_id && !job_id && (
        <a href={`#/workers/${segment(pool_id)}/${segment(worker_id)}`}>log</a>
      )}
    </>
  );
}
