/**
 * Timers that may be late. Each timer of the runtime costs a request ten times what it costs here to remember a
 * callback, and almost all deadlines are cancelled long before they are due.
 *
 * @module
 */

/** How late a callback may be, in ms. */
export const GRAIN_MS = 100;

interface Waiting {
  readonly callback: () => void;
}

/** What waits, by the end of its span of {@linkcode GRAIN_MS} since the process began. */
const spans = new Map<number, Set<Waiting>>();
let size = 0;
/** The runtime's one timer, for the end of a span. */
let timer: ReturnType<typeof setTimeout> | undefined;
let dueSpan = Infinity;

/** Calls back once after `ms`, or up to {@linkcode GRAIN_MS} later; the returned function cancels it. */
export function afterAbout(ms: number, callback: () => void): () => void {
  const span = Math.ceil((performance.now() + ms) / GRAIN_MS);
  const waiting: Waiting = { callback };
  const others = spans.get(span) ?? new Set();
  spans.set(span, others.add(waiting));
  size++;
  if (span < dueSpan) wakeAt(span);
  else if (size === 1) Deno.refTimer(timer!);
  return () => {
    if (!others.delete(waiting)) return;
    size--;
    if (others.size === 0 && spans.get(span) === others) spans.delete(span);
    // It stays for those that come next, but keeps no process alive.
    if (size === 0 && timer !== undefined) Deno.unrefTimer(timer);
  };
}

function wakeAt(span: number): void {
  clearTimeout(timer);
  dueSpan = span;
  timer = setTimeout(wake, Math.max(0, span * GRAIN_MS - performance.now()));
}

function wake(): void {
  const now = performance.now() / GRAIN_MS;
  timer = undefined;
  dueSpan = Infinity;
  for (const [span, due] of [...spans].filter(([span]) => span <= now)) {
    spans.delete(span);
    for (const waiting of due) {
      due.delete(waiting);
      size--;
      try {
        waiting.callback();
      } catch (error) {
        // As if it had been called by a timer of its own.
        reportError(error);
      }
    }
  }
  const next = Math.min(...spans.keys());
  if (next < dueSpan) wakeAt(next);
}
