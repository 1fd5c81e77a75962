import type { DatabaseSync } from "node:sqlite";
import type { Committer } from "#shared/committer.ts";
import { LlorchError } from "#shared/errors.ts";
import { delay } from "#shared/lifecycle.ts";
import type { Image, ImageStore } from "../image_store.ts";
import { toImage, toImageFacts } from "../rows/image.ts";
import type { Room } from "./room.ts";
import type { Space } from "./space.ts";

/** Bytes of an image that one transaction writes or deletes, at most. */
const PART_BYTES = 256 * 1024;

/** Uses that one transaction deletes, at most. */
const SLICE_USES = 500;

/** Pause between two transactions, in which the event loop can do other work, in ms. */
const PAUSE_MS = 5;

/** The {@linkcode ImageStore} in the file of the job store. */
export function sqliteImages(
  db: DatabaseSync,
  committer: Committer,
  space: Pick<Space, "cutLog">,
  room: Room,
): ImageStore {
  const use = db.prepare("INSERT OR IGNORE INTO image_uses (owner, sha256) VALUES (?, ?)");
  const begin = db.prepare(
    "INSERT INTO images (sha256, format, bytes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const select = db.prepare("SELECT * FROM images WHERE sha256 = ?");
  const insertPart = db.prepare(
    "INSERT OR REPLACE INTO image_parts (image_seq, part, data) VALUES (?, ?, ?)",
  );
  const end = db.prepare("UPDATE images SET is_whole = 1 WHERE seq = ?");
  const selectParts = db.prepare(
    "SELECT data FROM image_parts WHERE image_seq = ? ORDER BY part",
  );
  // An owner is needed while it can be asked or answered again.
  const deleteUses = db.prepare(`
    DELETE FROM image_uses WHERE (owner, sha256) IN (
      SELECT owner, sha256 FROM image_uses
      WHERE owner NOT IN (SELECT value FROM json_each(?))
        AND NOT EXISTS (SELECT 1 FROM jobs WHERE job_id = owner AND request IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM responses WHERE response_id = owner)
      LIMIT ${SLICE_USES})`);
  const selectUnused = db.prepare(`
    SELECT seq FROM images
    WHERE NOT EXISTS (SELECT 1 FROM image_uses WHERE image_uses.sha256 = images.sha256) LIMIT 1`);
  const breakOff = db.prepare("UPDATE images SET is_whole = 0 WHERE seq = ?");
  const deletePart = db.prepare(`
    DELETE FROM image_parts WHERE rowid IN (
      SELECT rowid FROM image_parts WHERE image_seq = ? LIMIT 1)`);
  const deleteImage = db.prepare("DELETE FROM images WHERE seq = ?");

  /** Owners that are not stored yet. */
  const coming = new Map<string, number>();
  /** Writes one after the other: none removes what another one is about to use. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  };

  // Reads must see what was written before them in the same turn.
  const read = <T>(query: () => T): Promise<T> => {
    committer.flush();
    return Promise.resolve(query());
  };

  const isThere = (sha256: string) => select.get(sha256)?.["is_whole"] === 1;

  async function write({ sha256, format, data }: Image): Promise<void> {
    if (await read(() => isThere(sha256))) return;
    await room.check(data.byteLength, "image");
    await committer.write(() => void begin.run(sha256, format, data.byteLength));
    const seq = Number(select.get(sha256)!["seq"]);
    for (let part = 0; part * PART_BYTES < data.byteLength; part++) {
      const piece = data.subarray(part * PART_BYTES, (part + 1) * PART_BYTES);
      await committer.write(() => void insertPart.run(seq, part, piece));
    }
    await committer.write(() => void end.run(seq));
  }

  /** Deletes a part of an image that nobody uses, or the image if it has none left. */
  async function removePiece(): Promise<"part" | "image" | undefined> {
    let removed: "part" | "image" | undefined;
    await committer.keep(() => {
      const seq = selectUnused.get()?.["seq"];
      removed = undefined;
      if (seq === undefined) return;
      breakOff.run(seq);
      removed = deletePart.run(seq).changes > 0 ? "part" : "image";
      if (removed === "image") deleteImage.run(seq);
    });
    return removed;
  }

  return {
    async keep(owner, images, known = []) {
      coming.set(owner, (coming.get(owner) ?? 0) + 1);
      let isComing = true;
      const settled = () => {
        const count = coming.get(owner) ?? 0;
        if (isComing && count > 1) coming.set(owner, count - 1);
        else if (isComing) coming.delete(owner);
        isComing = false;
      };
      try {
        await inTurn(async () => {
          const all = [...images.map(({ sha256 }) => sha256), ...known];
          await committer.write(() => all.forEach((sha256) => use.run(owner, sha256)));
          for (const sha256 of known) {
            if (await read(() => isThere(sha256))) continue;
            throw new LlorchError("CONTENT_EXPIRED", "An image of the conversation was erased");
          }
          for (const image of images) await write(image);
        });
      } catch (error) {
        settled();
        throw error;
      }
      return settled;
    },
    facts: (sha256) =>
      read(() => {
        const row = select.get(sha256);
        return row?.["is_whole"] === 1 ? toImageFacts(row) : undefined;
      }),
    get: (sha256) =>
      read(() => {
        const row = select.get(sha256);
        if (row?.["is_whole"] !== 1) return undefined;
        return toImage(toImageFacts(row), selectParts.iterate(row["seq"]!));
      }),
    async removeUnused() {
      for (let more = SLICE_USES; more === SLICE_USES; await delay(PAUSE_MS)) {
        await inTurn(() =>
          committer.keep(() => {
            more = Number(deleteUses.run(JSON.stringify([...coming.keys()])).changes);
          })
        );
      }
      let count = 0;
      for (let more = true; more;) {
        // In a turn of its own, so that requests do not wait for all of them.
        const removed = await inTurn(removePiece);
        more = removed !== undefined;
        if (removed === "image") count++;
        if (more) await delay(PAUSE_MS);
      }
      if (count > 0) space.cutLog();
      return count;
    },
  };
}
