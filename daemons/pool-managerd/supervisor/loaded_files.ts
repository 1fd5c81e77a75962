import { partPaths } from "#shared/models/split.ts";

/** A file as a worker found it. */
interface Stamp {
  readonly path: string;
  /** Device and number of the file: a new file by the same path is another. */
  readonly identity: string;
  readonly content: string;
}

/**
 * Model files that workers have mapped. One that is written over in place changes the weights of a
 * worker that has it, without a word, or ends it; one that is deleted or replaced lives on for it.
 */
export class LoadedFiles {
  readonly #stamps = new Map<string, readonly Stamp[]>();

  /** A worker is about to load a model. */
  note(workerId: string, path: string): void {
    const stamps = partPaths(path).flatMap((part) => stampOf(part) ?? []);
    if (stamps.length > 0) this.#stamps.set(workerId, stamps);
  }

  /** The file of a worker that was written over since; undefined where there is none. */
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
    // It is gone, or its folder is.
    return undefined;
  }
}
