/**
 * The behaviour that the images of every store must have; part of the store's cases.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Image } from "../store/image_store.ts";
import { until } from "../../../tests/support/stack.ts";
import { storedResponse } from "./response_cases.ts";
import type { Case } from "./store_cases.ts";
import { accept } from "./stored_jobs.ts";

/** An image of one byte, repeated. */
export function imageOf(byte: number, bytes = 3): Image {
  return {
    sha256: byte.toString(16).padStart(2, "0").repeat(32),
    format: "png",
    data: new Uint8Array(bytes).fill(byte),
  };
}

/** Cases of {@linkcode ImageStore}. */
export const IMAGE_CASES: Readonly<Record<string, Case>> = {
  async "an image is there once it is kept, after a new start too"(store, { reopen }) {
    const [small, large] = [imageOf(1), imageOf(2, 700_000)];
    assert.equal(await store.images.get(small.sha256), undefined);
    const settled = await store.images.keep("j1", [small, large]);
    await accept(store, "j1");
    settled();
    const { images } = await reopen();
    assert.deepEqual(await images.get(small.sha256), small);
    assert.deepEqual(await images.get(large.sha256), large);
    const { sha256, format } = large;
    assert.deepEqual(await images.facts(sha256), { sha256, format, bytes: 700_000 });
    assert.equal(await images.facts(imageOf(3).sha256), undefined);
    assert.equal(await images.removeUnused(), 0);
  },

  async "an image goes with the last of its owners"(store) {
    const { images } = store;
    const [one, two] = [imageOf(1), imageOf(2)];
    (await images.keep("j1", [one, two]).then(async (settled) => {
      await accept(store, "j1");
      return settled;
    }))();
    const settled = await images.keep("r1", [one]);
    await store.responses.add(storedResponse("r1"));
    settled();
    await store.update("j1", { status: "completed", endedAt: 2000, contentExpiresAt: 3000 });
    assert.equal(await images.removeUnused(), 0, "the job's request is there");
    await store.expire(3000, 0);
    assert.equal(await images.removeUnused(), 1);
    assert.equal(await images.get(two.sha256), undefined);
    assert.deepEqual(await images.get(one.sha256), one);
    await store.responses.remove("r1");
    assert.equal(await images.removeUnused(), 1);
    assert.equal(await images.facts(one.sha256), undefined);
  },

  async "an owner that is about to be stored keeps its images; one that never is loses them"(
    { images },
  ) {
    const settled = await images.keep("j1", [imageOf(1)]);
    assert.equal(await images.removeUnused(), 0);
    settled();
    settled();
    assert.equal(await images.removeUnused(), 1);
    const again = await images.keep("j2", [imageOf(1)]);
    assert.deepEqual(await images.get(imageOf(1).sha256), imageOf(1), "it can come again");
    again();
  },

  async "images that must be there are looked for"(store) {
    const { images } = store;
    const { sha256 } = imageOf(1);
    await assert.rejects(images.keep("j1", [], [sha256]), { code: "CONTENT_EXPIRED" });
    const settled = await images.keep("j1", [imageOf(1)]);
    const other = await images.keep("j2", [], [sha256]);
    settled();
    assert.equal(await images.removeUnused(), 0, "the other owner uses it");
    other();
    assert.equal(await images.removeUnused(), 1);
  },

  async "many at once keep the same image once"({ images }) {
    const owners = ["a", "b", "c", "d"];
    const settled = await Promise.all(
      owners.map((owner) => images.keep(owner, [imageOf(7, 600_000)])),
    );
    assert.deepEqual(await images.get(imageOf(7).sha256), imageOf(7, 600_000));
    settled.forEach((each) => each());
    assert.equal(await images.removeUnused(), 1);
    assert.equal(await images.removeUnused(), 0);
  },

  async "the bytes of its images count for a response"(store) {
    const settled = await store.images.keep("r1", [imageOf(1, 1000)]);
    await store.responses.add(storedResponse("r1"));
    await store.responses.add(storedResponse("r2"));
    settled();
    const [r2, r1] = await store.responses.page({ limit: 2 });
    assert.equal(r1!.bytes - r2!.bytes, 1000);
  },

  async "an image that cannot be written is refused, and leaves nothing"(store, { failWrites }) {
    const repair = await failWrites();
    await assert.rejects(store.images.keep("j1", [imageOf(1)]));
    await repair();
    await until("it can be written", () => store.failure() === undefined);
    assert.equal(await store.images.get(imageOf(1).sha256), undefined);
    const settled = await store.images.keep("j1", [imageOf(1)]);
    assert.deepEqual(await store.images.get(imageOf(1).sha256), imageOf(1));
    settled();
    assert.equal(await store.images.removeUnused(), 1);
  },
};
