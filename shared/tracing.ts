import { propagation, ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";

const tracer = trace.getTracer("llorch");

/** Reads the headers of a trace from a request. */
const HEADERS = {
  get: (headers: Headers, name: string) => headers.get(name) ?? undefined,
  keys: (headers: Headers) => [...headers.keys()],
};

/**
 * Runs the work for a request as a part of the request's trace, or as a new trace. Calls that the
 * work makes, also later, belong to it. It costs almost nothing if tracing is off (`OTEL_DENO`).
 *
 * Needed because Deno 2.9.6 does not run handlers of node:http in the span of their request.
 *
 * @param name The route, e.g. `POST /v2/tasks`.
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
