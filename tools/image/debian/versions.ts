/** Whether a Debian version is newer than another, by Debian's rules (deb-version(7)). */
export function newer(a: string, b: string): boolean {
  const [ours, theirs] = [split(a), split(b)];
  const order = ours.epoch - theirs.epoch || compare(ours.upstream, theirs.upstream) ||
    compare(ours.revision, theirs.revision);
  return order > 0;
}

function split(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(":");
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? "" : rest.slice(dash + 1),
  };
}

/** Compares parts without digits and numbers in turn. */
function compare(a: string, b: string): number {
  const [ours, theirs] = [pieces(a), pieces(b)];
  for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
    const [mine, other] = [ours[i] ?? ["", "0"], theirs[i] ?? ["", "0"]];
    const order = compareText(mine[0]!, other[0]!) || Number(mine[1]) - Number(other[1]);
    if (order !== 0) return order;
  }
  return 0;
}

function pieces(text: string): string[][] {
  return [...text.matchAll(/(\D*)(\d*)/g)].map(([, word, digits]) => [word!, digits || "0"]);
}

/** A tilde comes first, even before the end; then the end, letters, and all else. */
function compareText(a: string, b: string): number {
  const weight = (char: string | undefined) => {
    if (char === undefined) return 0;
    if (char === "~") return -1;
    return /[A-Za-z]/.test(char) ? char.charCodeAt(0) : char.charCodeAt(0) + 256;
  };
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = weight(a[i]) - weight(b[i]);
    if (order !== 0) return order;
  }
  return 0;
}
