import { partPaths } from "#shared/models/split.ts";

/** A model's file when a worker loaded it. */
interface Stamp {
  readonly path: string;
  /** Device and inode number: a new file with the same path has others. */
  readonly identity: string;
  readonly content: string;
}

/**
 * Watches the model files that workers have mapped. Overwriting a file in place silently changes
 * the weights of its workers, or ends them; a file that is deleted or replaced lives on for them.
 */
export class LoadedFiles {
  readonly #stamps = new Map<string, readonly Stamp[]>();

  /** Records a model's file before a worker loads it. */
  note(workerId: string, path: string): void {
    const stamps = partPaths(path).flatMap((part) => stampOf(part) ?? []);
    if (stamps.length > 0) this.#stamps.set(workerId, stamps);
  }

  /** The file of a worker if it was overwritten since; undefined otherwise. */
  overwritten(workerId: string): string | undefined {
    return this.#stamps.get(workerId)?.find(({ path, identity, content }) => {
      const now = stampOf(path);
      return now?.identity === identity && now.content !== content;
    })?.path;
  }

  /** Forgets all workers but these. */
  keep(workerIds: readonly string[]): void {
    const living = new Set(workerIds);
    for (const id of this.#stamps.keys()) if (!living.has(id)) this.#stamps.delete(id);
  }
}

function stampOf(path: string): Stamp | undefined {
  try {
    const { dev, ino, size, mtime } = Deno.statSync(path);
    return { path, identity: `${dev} ${ino}`, content: `${size} ${mtime?.getTime()}` };
  } catch {
    // The file or its folder was deleted.
    return undefined;
  }
}
