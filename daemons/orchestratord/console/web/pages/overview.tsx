import type { PoolView, WorkerView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { oneLine } from "#shared/printable.ts";
import { formatBytes, formatCount, formatThings } from "../format.ts";
import { useNow } from "../hooks.ts";
import { useLive } from "../live.ts";
import { shortNames } from "../names.ts";
import { Badge } from "../parts/badge.tsx";
import { Chart } from "../parts/chart.tsx";
import { ClusterStrip } from "../parts/cluster_strip.tsx";
import { MemoryBar } from "../parts/memory.tsx";
import { ActivityMessage, Name } from "../parts/name.tsx";
import { Empty, Table } from "../parts/table.tsx";
import { useIsOperator } from "../session.ts";

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
        <Tile name="Tokens per second" value={rates && formatCount(rates.tokens_per_second)} />
        <Tile name="Time to first token" value={ttft == null ? "–" : formatDuration(ttft)} />
        <Tile name="Running" value={rates && formatCount(rates.running)} />
        <Tile
          name="Waiting"
          value={rates &&
            `${formatCount(rates.queue_depth)} of ${formatCount(rates.queue_capacity)}`}
        />
        <Tile name="Failovers, last hour" value={formatCount(failovers)} />
      </dl>
      <section aria-label="The last hour" class="charts">
        <Chart
          title="Tokens per second"
          unit=""
          color="accent"
          time={series.time}
          values={series.tokens}
        />
        <Chart
          title="Time to first token"
          unit=" ms"
          color="blue"
          time={series.time}
          values={series.ttft}
        />
        <Chart
          title="Waiting jobs"
          unit=""
          color="amber"
          time={series.time}
          values={series.queue}
          isCount
        />
        <Chart
          title="Failovers"
          unit=""
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
      <Workers workers={fleet?.workers ?? []} />
      <h2>Latest</h2>
      <ul class="latest">
        {activities.slice(0, 6).map(({ id, kind, message, model, at }) => (
          <li key={`${id} ${kind}`}>
            <time class="dim" dateTime={at}>{new Date(at).toLocaleTimeString("en-GB")}</time>{" "}
            <ActivityMessage text={message} model={model} />
          </li>
        ))}
      </ul>
      <p>
        <a href="#/events">All events</a>
      </p>
    </>
  );
}

function Tile({ name, value }: { name: string; value: string | undefined }) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>{value ?? "…"}</dd>
    </div>
  );
}

function Pool({ pool, workers }: { pool: PoolView; workers: readonly WorkerView[] }) {
  return (
    <article class="card" aria-label={`Pool ${pool.pool_id}`}>
      <h3>
        {pool.pool_id} <Badge>{pool.status}</Badge>
      </h3>
      <p class="dim small">
        {pool.endpoint} · {formatThings(pool.models, "model")} · version {pool.version}
      </p>
      {pool.devices.map((device) => (
        <MemoryBar
          key={device.id}
          device={device}
          workers={workers}
        />
      ))}
    </article>
  );
}

function Workers({ workers }: { workers: readonly WorkerView[] }) {
  const now = useNow();
  if (workers.length === 0) {
    return <Empty>No worker is running: a model is loaded when the first job needs it.</Empty>;
  }
  const names = shortNames(workers.map(({ model_ref }) => model_ref));
  const age = ({ ready_at }: WorkerView) =>
    ready_at === undefined ? "" : formatDuration(Math.max(0, now - Date.parse(ready_at)));
  return (
    <Table
      label="Workers"
      head={["Worker", "Model", "Where", "State", "#Slots in use", "#Memory", "#Ready for"]}
    >
      {workers.map((worker) => (
        <tr key={worker.worker_id}>
          <td class="id">{worker.worker_id}</td>
          <td class="name" title={oneLine(worker.model_ref)}>
            <Name>{names.get(worker.model_ref) ?? ""}</Name>
          </td>
          <td>{worker.device} of {worker.pool_id}</td>
          <td>
            <Badge>{worker.state}</Badge>
            {worker.pinned && <Badge>pinned</Badge>}
          </td>
          <td class="number">
            {worker.active} of {worker.slots}
            {(worker.server_load?.waiting ?? 0) > 0 && (
              <span class="dim">
                , {worker.server_load?.waiting} wait at its server
              </span>
            )}
          </td>
          <td class="number">{formatBytes(worker.memory_bytes)}</td>
          <td class="number">{age(worker)}</td>
        </tr>
      ))}
    </Table>
  );
}
