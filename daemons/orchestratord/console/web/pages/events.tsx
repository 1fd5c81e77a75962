import { useState } from "preact/hooks";
import { formatTime } from "../format.ts";
import { KINDS, useLive } from "../live.ts";
import { ActivityMessage } from "../parts/name.tsx";
import { Empty, Table } from "../parts/table.tsx";

/** Kinds that report that something went wrong. */
const TROUBLE: ReadonlySet<string> = new Set([
  "pool_lost",
  "spawn_failed",
  "failover",
  "job_failed",
  "request_unsafe",
  "exit",
]);

/** The activities, newest first. */
export function EventsPage() {
  const { activities } = useLive();
  const [kind, setKind] = useState("");
  const [text, setText] = useState("");
  const shown = activities.filter((each) =>
    (kind === "" || each.kind === kind) &&
    (text === "" || each.message.toLowerCase().includes(text.toLowerCase()))
  );
  return (
    <>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          Kind
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
            <option value="">all</option>
            {KINDS.map((each) => <option key={each}>{each}</option>)}
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
      {shown.length === 0
        ? <Empty>There are no such events.</Empty>
        : (
          <Table label="Events" head={["When", "Kind", "What and why"]}>
            {shown.map(({ id, kind, at, message, model, job_id }) => (
              <tr key={`${id} ${kind}`}>
                <td class="when">
                  <time dateTime={at}>{formatTime(at)}</time>
                </td>
                <td>
                  <span class={`badge ${TROUBLE.has(kind) ? "bad" : "dim"}`}>{kind}</span>
                </td>
                <td class="name">
                  <ActivityMessage text={message} model={model} />{" "}
                  {job_id && <a href={`#/jobs/${job_id}`}>job</a>}
                </td>
              </tr>
            ))}
          </Table>
        )}
    </>
  );
}
