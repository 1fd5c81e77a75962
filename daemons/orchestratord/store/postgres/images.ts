import { LlorchError } from "#shared/errors.ts";
import type { Image, ImageStore } from "../image_store.ts";
import { toImage, toImageFacts } from "../rows/image.ts";
import type { Database } from "./database.ts";
import { lockKey } from "./locks.ts";
import type { Session } from "./session.ts";

/** Bytes of a part of an image, at most. */
const PART_BYTES = 256 * 1024;

/** Images that one transaction removes, at most. */
const SLICE_IMAGES = 16;

/** The {@linkcode ImageStore}. */
export function postgresImages(database: Database): ImageStore {
  /** Owners that this process is about to store. */
  const coming = new Map<string, number>();

  /** Part of a transaction, one at a time among all processes: none removes what another one is about to use. */
  const alone = async <T>(session: Session, work: () => Promise<T>): Promise<T> => {
    await session.query("SELECT pg_advisory_xact_lock($1)", [lockKey(database.schema, "images")]);
    return await work();
  };

  async function write(session: Session, { sha256, format, data }: Image): Promise<void> {
    const { rows: [row] } = await session.query(
      `INSERT INTO images (sha256, format, bytes) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING RETURNING seq`,
      [sha256, format, data.byteLength],
    );
    if (!row) return;
    for (let part = 0; part * PART_BYTES < data.byteLength; part++) {
      const piece = data.subarray(part * PART_BYTES, (part + 1) * PART_BYTES);
      await session.query(
        "INSERT INTO image_parts (image_seq, part, data) VALUES ($1, $2, $3)",
        [row["seq"], part, piece],
      );
    }
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
        await database.write((session) =>
          alone(session, async () => {
            const { rows } = await session.query(
              "SELECT sha256 FROM images WHERE sha256 = ANY($1)",
              [known],
            );
            if (rows.length < new Set(known).size) {
              throw new LlorchError("CONTENT_EXPIRED", "An image of the conversation was erased");
            }
            await session.query(
              `INSERT INTO image_uses (owner, sha256, keeper)
                SELECT DISTINCT $1, sha256, $3::bigint FROM unnest($2::text[]) AS x (sha256)
                ON CONFLICT DO NOTHING`,
              [owner, [...images.map(({ sha256 }) => sha256), ...known], database.incarnation],
            );
            for (const image of images) await write(session, image);
          })
        );
      } catch (error) {
        settled();
        throw error;
      }
      return settled;
    },
    async facts(sha256) {
      const row = await database.row("SELECT * FROM images WHERE sha256 = $1", [sha256]);
      return row && toImageFacts(row);
    },
    async get(sha256) {
      const rows = await database.rows(
        `SELECT sha256, format, bytes, data FROM images LEFT JOIN image_parts ON image_seq = seq
          WHERE sha256 = $1 ORDER BY part`,
        [sha256],
      );
      return rows[0] && toImage(toImageFacts(rows[0]), rows);
    },
    async removeUnused() {
      // An owner is needed while it can be asked or answered again, and while a process is about to store it.
      await database.keep((session) =>
        alone(session, () =>
          session.query(
            `DELETE FROM image_uses u
              WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.job_id = u.owner AND j.request IS NOT NULL)
                AND NOT EXISTS (SELECT FROM responses WHERE response_id = u.owner)
                AND u.owner <> ALL ($1)
                AND (u.keeper IS NOT DISTINCT FROM $2::bigint
                  OR NOT EXISTS (SELECT FROM replicas WHERE incarnation = u.keeper))`,
            [[...coming.keys()], database.incarnation],
          ))
      );
      for (let count = 0;;) {
        const removed = await database.keep((session) =>
          alone(session, async () => {
            const { count } = await session.query(
              `DELETE FROM images WHERE seq IN (SELECT seq FROM images i WHERE NOT EXISTS
                (SELECT FROM image_uses u WHERE u.sha256 = i.sha256) LIMIT ${SLICE_IMAGES})`,
            );
            return count;
          })
        );
        count += removed;
        if (removed < SLICE_IMAGES) return count;
      }
    },
  };
}
