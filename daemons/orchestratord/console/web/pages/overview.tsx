import type { PoolView, WorkerView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { oneLine } from "#shared/printable.ts";
import { folded } from "../folded.ts";
import { formatBytes, formatCount, formatThings, formatTime } from "../format.ts";
import { useLive } from "../live.ts";
import { useModelName } from "../model_names.ts";
import { useNow } from "../now.ts";
import { Badge } from "../parts/badge.tsx";
import { Chart } from "../parts/chart.tsx";
import { ClusterStrip } from "../parts/cluster_strip.tsx";
import { MemoryBar } from "../parts/memory.tsx";
import { ActivityMessage, Name } from "../parts/name.tsx";
import { Empty, Table } from "../parts/table.tsx";
import { WorkerLink } from "../parts/worker_link.tsx";
import { useIsOperator } from "../session.ts";
import { isHeard, poolWord, silence } from "../words.ts";

/** The service now and in the last hour. */
export function OverviewPage() {
  const { rates, fleet, series, activities } = useLive();
  const isOperator = useIsOperator();
  const failovers = series.failovers.reduce<number>((sum, each) => sum + (each ?? 0), 0);
  const ttft = rates?.ttft_ms ?? series.ttft.findLast((each) => each !== null);
  return (
    <>
      {isOperator && <ClusterStrip />}
      <dl class="tiles">
        <Tile name="Tokens per second" value={rates && rateWords(rates.tokens_per_second)} />
        <Tile name="Time to first token" value={ttft == null ? "–" : formatDuration(ttft)} />
        <Tile name="Running jobs" value={rates && formatCount(rates.running)} />
        <Tile
          name="Waiting jobs"
          value={rates &&
            `${formatCount(rates.queue_depth)} of ${formatCount(rates.queue_capacity)}`}
        />
        <Tile name="Jobs moved, last hour" value={formatCount(failovers)} />
      </dl>
      <section aria-label="The last hour" class="charts">
        <Chart
          title="Tokens per second"
          words={rateWords}
          now={rates?.tokens_per_second}
          color="accent"
          time={series.time}
          values={series.tokens}
        />
        <Chart
          title="Time to first token"
          words={timeWords}
          now={ttft ?? undefined}
          color="blue"
          time={series.time}
          values={series.ttft}
        />
        <Chart
          title="Waiting jobs"
          words={countWords}
          now={rates?.queue_depth}
          color="amber"
          time={series.time}
          values={series.queue}
          isCount
        />
        <Chart
          title="Jobs moved to another worker"
          words={countWords}
          color="red"
          time={series.time}
          values={series.failovers}
          isCount
        />
      </section>
      <h2>Pools</h2>
      {fleet?.pools.length === 0 && (
        <Empty>No pool is known yet: start pool-managerd on a host, and it appears here.</Empty>
      )}
      <div class="cards">
        {fleet?.pools.map((pool) => (
          <Pool
            key={pool.pool_id}
            pool={pool}
            workers={fleet.workers.filter((each) => each.pool_id === pool.pool_id)}
          />
        ))}
      </div>
      <h2>Workers</h2>
      <Workers workers={fleet?.workers ?? []} pools={fleet?.pools ?? []} />
      <h2>Latest</h2>
      <ul class="latest">
        {folded(activities).slice(0, 6).map((
          { latest: { id, kind, message, model, at }, earlier },
        ) => (
          <li key={`${id} ${kind}`}>
            <time class="dim" dateTime={at}>{formatTime(at)}</time>{" "}
            <ActivityMessage text={message} model={model} />{" "}
            {earlier.length > 0 && <span class="dim">({earlier.length + 1} times)</span>}
          </li>
        ))}
      </ul>
      <p>
        <a href="#/events">All events</a>
      </p>
    </>
  );
}

const countWords = (value: number) => formatCount(Math.round(value));

const rateWords = (value: number) => formatCount(Math.round(value * 10) / 10);

const timeWords = (ms: number) => ms === 0 ? "0" : formatDuration(ms);

function Tile({ name, value }: { name: string; value: string | undefined }) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>{value ?? "…"}</dd>
    </div>
  );
}

function Pool({ pool, workers }: { pool: PoolView; workers: readonly WorkerView[] }) {
  const now = useNow();
  return (
    <article class="card" aria-label={`Pool ${pool.pool_id}`}>
      <h3>
        {pool.pool_id} <Badge>{poolWord(pool, now)}</Badge>
      </h3>
      <p class="dim small">
        {pool.endpoint} · {formatThings(pool.models, "model")} · version {pool.version}
      </p>
      {isHeard(pool)
        ? pool.devices.map((device) => (
          <MemoryBar key={device.id} device={device} workers={workers} />
        ))
        : (
          <p class="small">
            Nothing is known of its {formatThings(pool.devices.length, "device")} and{" "}
            {formatThings(workers.length, "worker")} since{" "}
            {formatTime(pool.last_seen_at)}. Their jobs go on elsewhere.
          </p>
        )}
    </article>
  );
}

function Workers(
  { workers, pools }: { workers: readonly WorkerView[]; pools: readonly PoolView[] },
) {
  const now = useNow();
  const nameOf = useModelName();
  if (workers.length === 0) {
    return <Empty>No worker is running: a model is loaded when the first job needs it.</Empty>;
  }
  return (
    <Table
      label="Workers"
      head={["Worker", "Model", "Where", "State", "#Slots in use", "#Memory", "#Ready for"]}
    >
      {workers.map((worker) => {
        const silent = pools.find((pool) => pool.pool_id === worker.pool_id && !isHeard(pool));
        return workerRow(worker, nameOf(worker.model_ref), silent, now);
      })}
    </Table>
  );
}

/**
 * The row of a worker. Of a silent pool's worker nothing is known now, so that no figure is shown.
 *
 * @param silent Its pool, if that has sent no heartbeat for too long.
 */
function workerRow(
  worker: WorkerView,
  model: string,
  silent: PoolView | undefined,
  now: number,
) {
  const { worker_id: id, pool_id: pool, ready_at, server_load: load } = worker;
  const age = ready_at === undefined
    ? "–"
    : formatDuration(Math.max(0, now - Date.parse(ready_at)));
  return (
    <tr key={id}>
      <td class="id">
        <WorkerLink pool={pool} id={id} />
      </td>
      <td class="name" title={oneLine(worker.model_ref)}>
        <Name>{model}</Name>
      </td>
      <td>{pool}, {worker.device}</td>
      <td>
        <Badge>{silent ? `no heartbeat for ${silence(silent, now)}` : worker.state}</Badge>
        {worker.pinned && <Badge>pinned</Badge>}
      </td>
      <td class="number">
        {silent ? "–" : `${worker.active} of ${worker.slots}`}
        {!silent && (load?.waiting ?? 0) > 0 && (
          <span class="dim">, {load?.waiting} wait at its server</span>
        )}
      </td>
      <td class="number">{silent ? "–" : formatBytes(worker.memory_bytes)}</td>
      <td class="number">{silent ? "–" : age}</td>
    </tr>
  );
}
