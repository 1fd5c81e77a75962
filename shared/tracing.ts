import { propagation, ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";

const tracer = trace.getTracer("llorch");

/** How a trace's headers are found in a request. */
const HEADERS = {
  get: (headers: Headers, name: string) => headers.get(name) ?? undefined,
  keys: (headers: Headers) => [...headers.keys()],
};

/**
 * Runs the work for a request as a part of the trace that the request belongs to, or as the beginning of
 * one. Calls that the work makes, also later, belong to it too. Costs nothing to speak of where no
 * traces are taken (`OTEL_DENO`).
 *
 * Deno's own span of a request at node:http is not what its handler runs in, as of 2.9.6.
 *
 * @param name The route: `POST /v2/tasks`.
 */
export function traced<T>(name: string, headers: Headers, work: () => Promise<T>): Promise<T> {
  const parent = propagation.extract(ROOT_CONTEXT, headers, HEADERS);
  const route = { "http.route": name };
  return tracer.startActiveSpan(
    name,
    { kind: SpanKind.INTERNAL, attributes: route },
    parent,
    async (span) => {
      try {
        return await work();
      } finally {
        span.end();
      }
    },
  );
}
