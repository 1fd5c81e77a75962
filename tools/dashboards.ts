/**
 * Writes the Grafana dashboards in `deploy/grafana/dashboards/`, or with `--check` compares.
 *
 * @module
 */
import { generated, report } from "./repo.ts";

/** A panel: title, unit with Grafana's name, and lines. */
interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly kind?: "timeseries" | "stat";
  /** Name and query of each line. */
  readonly lines: Readonly<Record<string, string>>;
}

/** One dashboard. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

const quantile = (of: number, name: string) =>
  `histogram_quantile(${of}, sum by (le) (rate(${name}_bucket[$__rate_interval])))`;

/** Every dashboard. */
export const DASHBOARDS: readonly Dashboard[] = [
  {
    uid: "llorch-service",
    title: "llorch: service",
    panels: [
      { title: "Ready", unit: "bool_yes_no", kind: "stat", lines: { ready: "min(orchd_ready)" } },
      {
        title: "Tokens per second",
        unit: "short",
        kind: "stat",
        lines: { tokens: "sum(rate(orchd_tokens_out_total[$__rate_interval]))" },
      },
      {
        title: "Jobs running",
        unit: "short",
        kind: "stat",
        lines: { running: "sum(orchd_jobs_running)" },
      },
      {
        title: "Open streams",
        unit: "short",
        kind: "stat",
        lines: { streams: "sum(orchd_streams_open)" },
      },
      {
        title: "Tokens per second",
        unit: "short",
        lines: { delivered: "sum(rate(orchd_tokens_out_total[$__rate_interval]))" },
      },
      {
        title: "Queue",
        unit: "short",
        lines: {
          "{{priority}}": "sum by (priority) (orchd_queue_depth)",
          // Of several orchestrators only the one that leads has a queue.
          capacity: "sum(orchd_queue_capacity and on (instance, job) orchd_leader == 1)",
        },
      },
      {
        title: "Time to the first token",
        unit: "s",
        lines: {
          p50: quantile(0.5, "orchd_ttft_seconds"),
          p95: quantile(0.95, "orchd_ttft_seconds"),
          p99: quantile(0.99, "orchd_ttft_seconds"),
        },
      },
      {
        title: "Between two tokens",
        unit: "s",
        lines: {
          p50: quantile(0.5, "orchd_inter_token_seconds"),
          p99: quantile(0.99, "orchd_inter_token_seconds"),
        },
      },
      {
        title: "Wait in the queue",
        unit: "s",
        lines: {
          p50: quantile(0.5, "orchd_queue_wait_seconds"),
          p95: quantile(0.95, "orchd_queue_wait_seconds"),
        },
      },
      {
        title: "Jobs ended per minute",
        unit: "short",
        lines: {
          "{{outcome}}": "sum by (outcome) (rate(orchd_jobs_ended_total[$__rate_interval])) * 60",
        },
      },
      {
        title: "Jobs submitted per minute",
        unit: "short",
        lines: {
          "{{outcome}}":
            "sum by (outcome) (rate(orchd_jobs_submitted_total[$__rate_interval])) * 60",
        },
      },
      {
        title: "Failovers and evictions in ten minutes",
        unit: "short",
        lines: {
          failovers: "sum(increase(orchd_failovers_total[10m]))",
          evictions: "sum(increase(orchd_evictions_total[10m]))",
        },
      },
      {
        title: "Orchestrator that leads",
        unit: "short",
        lines: { "{{instance}}": "orchd_leader" },
      },
      {
        title: "Orchestrators on the database",
        unit: "short",
        lines: { "{{state}}": "max by (state) (orchd_replicas)" },
      },
      {
        title: "Requests passed on to the leader per minute",
        unit: "short",
        lines: {
          "{{outcome}}": "sum by (outcome) (rate(orchd_passed_on_total[$__rate_interval])) * 60",
        },
      },
    ],
  },
  {
    uid: "llorch-hosts",
    title: "llorch: hosts and workers",
    panels: [
      {
        title: "Pools",
        unit: "short",
        kind: "stat",
        lines: { "{{status}}": "sum by (status) (orchd_pools)" },
      },
      {
        title: "Registered",
        unit: "bool_yes_no",
        kind: "stat",
        lines: { "{{instance}}": "pool_mgr_registered" },
      },
      {
        title: "Models",
        unit: "short",
        kind: "stat",
        lines: { "{{instance}}": "pool_mgr_models" },
      },
      {
        title: "Heartbeats per minute",
        unit: "short",
        kind: "stat",
        lines: {
          "{{outcome}}":
            "sum by (outcome) (rate(pool_mgr_heartbeats_total[$__rate_interval])) * 60",
        },
      },
      {
        title: "Device memory in use by all programs",
        unit: "bytes",
        lines: {
          "{{instance}} {{device}}":
            'pool_mgr_device_memory_bytes{kind="total"} - on (instance, device) ' +
            'pool_mgr_device_memory_bytes{kind="free"}',
        },
      },
      {
        title: "Free device memory",
        unit: "bytes",
        lines: { "{{instance}} {{device}}": 'pool_mgr_device_memory_bytes{kind="free"}' },
      },
      {
        title: "Workers by state",
        unit: "short",
        lines: { "{{state}}": "sum by (state) (pool_mgr_workers)" },
      },
      {
        title: "Time from spawn to ready",
        unit: "s",
        lines: {
          p50: quantile(0.5, "pool_mgr_worker_start_seconds"),
          p95: quantile(0.95, "pool_mgr_worker_start_seconds"),
        },
      },
      {
        title: "Workers ended in ten minutes",
        unit: "short",
        lines: {
          "{{category}}": "sum by (category) (increase(pool_mgr_worker_exits_total[10m]))",
        },
      },
      {
        title: "Memory of the daemons",
        unit: "bytes",
        lines: { "{{job}} {{instance}}": "process_resident_memory_bytes" },
      },
    ],
  },
];

/** A dashboard as Grafana imports it. */
export function toGrafana({ uid, title, panels }: Dashboard): string {
  const stats = panels.filter(({ kind }) => kind === "stat");
  const graphs = panels.filter(({ kind }) => kind !== "stat");
  const place = (panel: Panel, at: { x: number; y: number; w: number; h: number }, id: number) => ({
    id,
    type: panel.kind ?? "timeseries",
    title: panel.title,
    datasource: { type: "prometheus", uid: "${datasource}" },
    gridPos: at,
    fieldConfig: { defaults: { unit: panel.unit, min: 0 }, overrides: [] },
    targets: Object.entries(panel.lines).map(([legendFormat, expr], index) => ({
      refId: String.fromCharCode(65 + index),
      expr,
      legendFormat,
    })),
  });
  const dashboard = {
    uid,
    title,
    tags: ["llorch"],
    schemaVersion: 39,
    editable: true,
    refresh: "15s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [{ name: "datasource", type: "datasource", query: "prometheus", label: "Data source" }],
    },
    panels: [
      ...stats.map((panel, index) => place(panel, { x: index * 6, y: 0, w: 6, h: 4 }, index + 1)),
      ...graphs.map((panel, index) => {
        const at = { x: index % 2 * 12, y: 4 + Math.floor(index / 2) * 8, w: 12, h: 8 };
        return place(panel, at, stats.length + index + 1);
      }),
    ],
  };
  return JSON.stringify(dashboard, null, 2) + "\n";
}

if (import.meta.main) {
  const isCheck = Deno.args.includes("--check");
  const problems = DASHBOARDS.flatMap((dashboard) =>
    generated(`deploy/grafana/dashboards/${dashboard.uid}.json`, toGrafana(dashboard), isCheck)
  );
  report(problems, `${DASHBOARDS.length} dashboards`);
}
