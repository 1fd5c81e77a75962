import assert from "node:assert/strict";
import { join } from "node:path";
import { withService } from "../support/service.ts";
import { ROOT, until } from "../support/stack.ts";

/** One span of a request. */
interface Span {
  readonly service: string;
  readonly traceId: string;
  /**
   * OpenTelemetry's span kind; 2: server (a request that was answered), 3: client (one that was
   * sent).
   */
  readonly kind: number;
  readonly path: string;
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

/** Collects traces as an OpenTelemetry collector does: JSON over HTTP. */
function collector(): { readonly spans: Span[]; readonly server: Deno.HttpServer<Deno.NetAddr> } {
  const spans: Span[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const text = await request.text();
    if (new URL(request.url).pathname !== "/v1/traces") return Response.json({});
    const of = (attributes: readonly Attribute[], key: string) =>
      attributes.find((each) => each.key === key)?.value.stringValue ?? "";
    for (const { resource, scopeSpans } of JSON.parse(text).resourceSpans) {
      const service = of(resource.attributes, "service.name");
      for (const span of scopeSpans.flatMap((scope: { spans: unknown[] }) => scope.spans)) {
        const url = of(span.attributes, "url.full");
        const path = of(span.attributes, "url.path") || (URL.parse(url)?.pathname ?? "");
        spans.push({ service, traceId: span.traceId, kind: span.kind, path });
      }
    }
    return Response.json({});
  });
  return { spans, server };
}

const ask = (url: string, trace: string, max_tokens: number) =>
  fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-correlation-id": `asked-${trace}`,
      traceparent: `00-${trace.repeat(32)}-${"b".repeat(16)}-01`,
    },
    body: JSON.stringify({ model: "demo", prompt: "Once", max_tokens, temperature: 0 }),
  }).then((reply) => reply.json());

Deno.test("a request is one trace and one correlation id, through queue and load to the worker", async () => {
  const { spans, server } = collector();
  const env = {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
    OTEL_BSP_SCHEDULE_DELAY: "100",
    OTEL_SERVICE_NAME: "daemon",
  };
  try {
    await withService(join(ROOT, "catalog/demo"), async (service) => {
      const { orchestratord, poolManagerd } = service;
      const says = (log: readonly Record<string, unknown>[], event: string) =>
        log.some((line) => line["event"] === event && line["correlation_id"] === "asked-1");
      // There is one slot: the second request waits until the first ends, and that end starts it.
      const first = ask(orchestratord.url, "1", 100);
      await until("the first request is accepted", () => says(orchestratord.log, "job_accepted"));
      await Promise.all([first, ask(orchestratord.url, "2", 3)]);
      for (const trace of ["1", "2"]) {
        const has = (service: string, path: string) =>
          spans.some((span) =>
            span.traceId === trace.repeat(32) && span.path === path && span.kind === 2 &&
            span.service === service
          );
        await until(
          `trace ${trace} has arrived`,
          () => has("daemon", "/v1/completions") && has("llorch-candled", "/execute"),
        );
      }
      const spawn = (span: Span) => /^\/pools\/[^/]+\/workers\/spawn$/.test(span.path);
      await until(
        "the load is part of the first trace",
        () =>
          spans.some((span) => spawn(span) && span.kind === 2 && span.traceId === "1".repeat(32)),
      );

      assert.ok(says(orchestratord.log, "job_accepted") && says(orchestratord.log, "job_ended"));
      await until(
        "the pool manager has logged the request's correlation id",
        () => says(poolManagerd.log, "spawn_accepted"),
      );
      const [worker] = await service.workers();
      const { out } = await service.llorch("worker", "logs", worker!.worker_id);
      assert.match(out, /"run_ended".*asked-1|asked-1.*"run_ended"/);
    }, {
      poolManagerd: "worker.default_slots = 1",
      env,
    });
  } finally {
    await server.shutdown();
  }
});
