import { AsyncLocalStorage } from "node:async_hooks";
import {
  context,
  propagation,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  SpanKind,
  trace,
} from "@opentelemetry/api";

const tracer = trace.getTracer("llorch");

/** Whether Deno exports traces (`OTEL_DENO`): it says so before any program of ours runs. */
const isOn = isProvided();

function isProvided(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) ||
    provider.getDelegateTracer("llorch") !== undefined;
}

/** Reads the headers of a trace from a request. */
const HEADERS = {
  get: (headers: Headers, name: string) => headers.get(name) ?? undefined,
  keys: (headers: Headers) => [...headers.keys()],
};

/**
 * Runs the work for a request as a part of the request's trace, or as a new trace. Calls that the
 * work makes, also later, belong to it.
 *
 * Needed because Deno 2.9.6 does not run handlers of node:http in the span of their request.
 *
 * @param name The route, e.g. `POST /v2/tasks`.
 */
export function traced<T>(name: string, headers: Headers, work: () => Promise<T>): Promise<T> {
  if (!isOn) return work();
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

/**
 * Returns a function that runs something as part of the trace that runs now; otherwise it would join the trace of
 * whatever calls it.
 */
export function thisTrace(): <T>(work: () => T) => T {
  return isOn ? AsyncLocalStorage.snapshot() : (work) => work();
}

/** A call to another program, as a part of the trace that runs. */
export interface TracedCall {
  /** What tells the other program of the trace; empty if tracing is off. */
  readonly headers: Readonly<Record<string, string>>;
  /** To be called when the reply is complete, or will never be. */
  end(): void;
}

const UNTRACED: TracedCall = { headers: {}, end() {} };

/** Begins a call that Deno does not trace itself, since it uses neither `fetch` nor `node:http`. */
export function traceCall(method: string, url: URL): TracedCall {
  if (!isOn) return UNTRACED;
  const attributes = {
    "http.request.method": method,
    "url.full": url.href,
    "server.address": url.hostname,
  };
  const span = tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes });
  const headers: Record<string, string> = {};
  propagation.inject(trace.setSpan(context.active(), span), headers);
  return { headers, end: () => span.end() };
}
