import { useEffect, useState } from "preact/hooks";
import { segment } from "../api.ts";
import { useFetch } from "../hooks.ts";
import { useLive } from "../live.ts";
import { useModelName } from "../model_names.ts";
import { useNow } from "../now.ts";
import { Badge } from "../parts/badge.tsx";
import { Name } from "../parts/name.tsx";
import { isHeard, silence } from "../words.ts";

/** How often the log of a worker that runs is read again, in ms. */
const FRESH_MS = 2_000;

/** One worker, running or ended: the last lines of its log. */
export function WorkerPage({ pool, id }: { pool: string; id: string }) {
  const { fleet } = useLive();
  const now = useNow();
  const nameOf = useModelName();
  const [round, next] = useState(0);
  const { value, error } = useFetch<{ lines: readonly string[] }>(
    `/v2/workers/${segment(id)}/logs?pool_id=${segment(pool)}`,
    round,
  );
  const worker = fleet?.workers.find((each) => each.worker_id === id);
  const silent = fleet?.pools.find((each) => each.pool_id === pool && !isHeard(each));
  const isRunning = worker !== undefined && !silent;
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(() => {
      if (!document.hidden) next((round) => round + 1);
    }, FRESH_MS);
    return () => clearInterval(timer);
  }, [isRunning]);
  return (
    <>
      <p class="head-line">
        <span class="id">{id}</span>
        {fleet && (
          <Badge>
            {silent ? `no heartbeat for ${silence(silent, now)}` : worker?.state ?? "ended"}
          </Badge>
        )}
        {worker && <Name>{nameOf(worker.model_ref)}</Name>}
        <span class="dim">
          on {pool}
          {worker && `, ${worker.device}, process ${worker.pid}`}
        </span>
      </p>
      <h2>Log</h2>
      {error && <p class="bad-text" role="alert">{error}</p>}
      {value?.lines.length === 0 && <p class="empty">It has written nothing yet.</p>}
      {value && value.lines.length > 0 && (
        <pre class="output" dir="auto" tabIndex={0} aria-label="Log">{value.lines.join("\n")}</pre>
      )}
      <p>
        <a href="#/">To the overview</a>
      </p>
    </>
  );
}
