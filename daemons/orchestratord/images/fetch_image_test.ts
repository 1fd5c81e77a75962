import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { fetchImage, type ImageSource } from "./fetch_image.ts";
import { ImageHosts } from "#shared/net/image_hosts.ts";
import type { PinnedGet } from "./pinned_get.ts";

const IMAGE = Uint8Array.of(1, 2, 3, 4);
const FIELD = "messages.0.content.1.image_url";

interface Stage {
  readonly port: number;
  /** Requests that the server has got. */
  readonly calls: () => number;
}

/** Runs a test with a server of images on loopback. */
async function onStage(
  test: (stage: Stage) => Promise<void>,
  reply: () => Response = () => new Response(IMAGE),
): Promise<void> {
  let calls = 0;
  const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
  await using server = Deno.serve(options, () => (calls++, reply()));
  await test({ port: server.addr.port, calls: () => calls });
}

function fetchFrom(
  url: string,
  hosts: readonly string[],
  changes: Partial<ImageSource> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Uint8Array> {
  const source = {
    hosts: new ImageHosts(hosts),
    maxBytes: 100,
    deadlineMs: 600_000,
    resolve: () => Promise.reject(new Error("no name is asked for in this test")),
    ...changes,
  };
  return fetchImage(url, FIELD, source, signal);
}

const refuses = (work: Promise<unknown>, message: RegExp) =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof LlorchError, String(error));
    assert.equal(error.code, "INVALID_REQUEST");
    const [wrong] = error.details?.["errors"] as { field: string; message: string }[];
    assert.equal(wrong?.field, FIELD);
    assert.match(wrong.message, message);
    assert.doesNotMatch(error.message, /secret-path/);
    return true;
  });

Deno.test("an image of a listed address is fetched, even of this machine", async () => {
  await onStage(async ({ port }) => {
    const image = await fetchFrom(`http://127.0.0.1:${port}/a.png`, [`127.0.0.1:${port}`]);
    assert.deepEqual(image, IMAGE);
  });
});

Deno.test("a host that is not listed is refused by name, with what to do", async () => {
  await onStage(async ({ port, calls }) => {
    for (const hosts of [[], ["127.0.0.1"], ["other.example"]]) {
      await refuses(
        fetchFrom(`http://127.0.0.1:${port}/secret-path`, hosts),
        new RegExp(
          `127\\.0\\.0\\.1:${port} are not fetched: send .* data URL, or list .*fetch_hosts`,
        ),
      );
    }
    assert.equal(calls(), 0);
  });
});

Deno.test("other schemes, and URLs with a password, are refused", async () => {
  for (
    const url of ["file:///etc/passwd", "ftp://a.example/b", "/a.png", "", "gopher://a.example"]
  ) {
    await refuses(fetchFrom(url, ["a.example"]), /must be an http or https URL/);
  }
  await refuses(fetchFrom("http://user:word@a.example/", ["a.example"]), /user or password/);
  await refuses(fetchFrom("http://user@a.example/", ["a.example"]), /user or password/);
});

Deno.test("a name of which one address is not public is not called", async () => {
  const rebound = [
    ...["127.0.0.1", "10.0.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0", "169.254.169.254"],
    ...["::1", "fd00::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "no address"],
  ];
  await onStage(async ({ port, calls }) => {
    const url = `http://images.example.org:${port}/secret-path`;
    for (const address of rebound) {
      for (const list of [[address], ["93.184.215.14", address], [address, "93.184.215.14"]]) {
        const resolve = () => Promise.resolve(list);
        await refuses(
          fetchFrom(url, [`*.example.org:${port}`], { resolve }),
          /from images\.example\.org:\d+: its name leads into a private network/,
        );
      }
    }
    assert.equal(calls(), 0);
  });
});

Deno.test("a name is resolved once, and exactly its addresses are called", async () => {
  const asked: string[] = [];
  const resolve = (
    name: string,
  ) => (asked.push(name), Promise.resolve(["93.184.215.14", "2606::1"]));
  const orders: PinnedGet[] = [];
  const get = (order: PinnedGet) => (orders.push(order), Promise.resolve(IMAGE));
  const url = "https://IMAGES.example.org./a.png?b";
  assert.deepEqual(await fetchFrom(url, ["images.example.org"], { resolve, get }), IMAGE);
  assert.deepEqual(asked, ["images.example.org"]);
  assert.deepEqual(orders.map(({ addresses }) => addresses), [["93.184.215.14", "2606::1"]]);
  assert.equal(orders[0]?.url.href, "https://images.example.org./a.png?b");
  assert.equal(orders[0]?.maxBytes, 100);
});

Deno.test("a name without an address is told", async () => {
  for (const resolve of [() => Promise.reject(new Error("ENOTFOUND")), () => Promise.resolve([])]) {
    await refuses(
      fetchFrom("http://a.example/secret-path", ["a.example"], { resolve }),
      /cannot fetch the image from a\.example: its name has no address; send .* data URL/,
    );
  }
});

Deno.test("a failure of the host tells the host, and neither path nor query", async () => {
  await onStage(({ port }) => {
    const url = `http://127.0.0.1:${port}/secret-path?token=secret-path`;
    return refuses(
      fetchFrom(url, [`127.0.0.1:${port}`]),
      new RegExp(`cannot fetch the image from 127.0.0.1:${port}: it answers with status 403`),
    );
  }, () => new Response("no", { status: 403 }));
});

Deno.test("a name that is looked up too slowly is given up at the deadline", async () => {
  const timer = { after: (_ms: number, late: () => void) => (queueMicrotask(late), () => {}) };
  const resolve = () => new Promise<never>(() => {});
  await refuses(
    fetchFrom("http://a.example/", ["a.example"], { timer, resolve, deadlineMs: 7_000 }),
    /from a\.example: the image takes longer than 7000 ms; send/,
  );
});

Deno.test("a host that answers too slowly is given up at the deadline", async () => {
  const slow = () =>
    new Response(
      new ReadableStream({ pull: (stream) => stream.enqueue(IMAGE.slice(0, 1)) }, {
        highWaterMark: 0,
      }),
    );
  const fire = Promise.withResolvers<() => void>();
  const timer = {
    after(ms: number, callback: () => void) {
      assert.equal(ms, 7_000);
      fire.resolve(callback);
      return () => {};
    },
  };
  const started = Promise.withResolvers<void>();
  await onStage(async ({ port }) => {
    const work = fetchFrom(`http://127.0.0.1:${port}/`, [`127.0.0.1:${port}`], {
      ...{ timer, deadlineMs: 7_000, maxBytes: Number.MAX_SAFE_INTEGER },
    });
    await started.promise;
    (await fire.promise)();
    await refuses(work, /the image takes longer than 7000 ms; send/);
  }, () => (started.resolve(), slow()));
});

Deno.test("a client that leaves ends the fetch with its own reason", async () => {
  const stop = new AbortController();
  await onStage(async ({ port }) => {
    const work = fetchFrom(`http://127.0.0.1:${port}/`, [`127.0.0.1:${port}`], {}, stop.signal);
    await assert.rejects(work, /the client has left/);
  }, () => {
    stop.abort(new Error("the client has left"));
    return new Response(IMAGE);
  });
});
