/** Colours of states. */
const TONES: Readonly<Record<string, string>> = {
  available: "good",
  ready: "good",
  completed: "good",
  loaded: "good",
  active: "good",
  now: "good",
  leader: "good",
  running: "busy",
  validating: "busy",
  in_progress: "busy",
  finalizing: "busy",
  cancelling: "warn",
  dispatched: "busy",
  loading: "busy",
  starting: "busy",
  evicting: "busy",
  pinned: "busy",
  failed: "bad",
  unavailable: "bad",
  never: "bad",
  revoked: "bad",
  expired: "bad",
  silent: "bad",
  cancelled: "dim",
  later: "warn",
  "other settings": "warn",
  queued: "warn",
  draining: "warn",
  drained: "warn",
  stopping: "warn",
};

/** A state as a coloured label. */
export function Badge({ children }: { children: string }) {
  return <span class={`badge ${TONES[children] ?? "dim"}`}>{children}</span>;
}
