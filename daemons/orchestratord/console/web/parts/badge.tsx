/** Colours of states. */
const TONES: Readonly<Record<string, string>> = {
  "in service": "good",
  ready: "good",
  done: "good",
  loaded: "good",
  active: "good",
  fits: "good",
  leader: "good",
  running: "busy",
  checking: "busy",
  finishing: "busy",
  starting: "busy",
  loading: "busy",
  pinned: "busy",
  "being cancelled": "warn",
  "after unloading": "busy",
  failed: "bad",
  "no heartbeat": "bad",
  "load failed": "bad",
  "too large": "bad",
  revoked: "bad",
  expired: "bad",
  silent: "bad",
  later: "warn",
  "other settings": "warn",
  waiting: "warn",
  draining: "warn",
  drained: "warn",
  stopping: "warn",
};

/** A state as a coloured label; for `no heartbeat for 45 s`, the colour is that of `no heartbeat`. */
export function Badge({ children }: { children: string }) {
  const tone = TONES[children] ?? TONES[children.replace(/ for .*/, "")] ?? "dim";
  return <span class={`badge ${tone}`}>{children}</span>;
}
