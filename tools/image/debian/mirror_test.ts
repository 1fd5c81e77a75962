import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fetchPackage, findMirror, mirrorsIn, siblingArchive } from "./mirror.ts";
import type { Pin, Pins } from "./pins.ts";

const BYTES = new TextEncoder().encode("package");

const PIN: Pin = {
  ...{ name: "dash", version: "1.0-1", architecture: "amd64", archive: "debian" },
  path: "pool/main/d/dash/dash_1.0-1_amd64.deb",
  size: BYTES.length,
  sha256: createHash("sha256").update(BYTES).digest("hex"),
};

const PINS: Pins = { release: "trixie", published: "2026-11-28T02:53:01.000Z", packages: [PIN] };

/** Serves one file, and 404 for all others. */
async function withServer(bytes: Uint8Array, test: (url: string) => Promise<void>): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    const found = pathname === `/debian/${PIN.path}`;
    return found ? new Response(bytes as BodyInit) : new Response("", { status: 404 });
  });
  try {
    await test(`http://127.0.0.1:${server.addr.port}/debian`);
  } finally {
    await server.shutdown();
  }
}

Deno.test("a package comes from a mirror or a folder, and only with the pinned hash", async () => {
  await withServer(BYTES, async (url) => {
    assert.deepEqual(await fetchPackage(PIN, PINS, await findMirror(`${url}/`)), BYTES);
    const folder = await Deno.makeTempDir({ prefix: "llorch-test-" });
    try {
      const path = join(folder, "dash_1.0-1_amd64.deb");
      await Deno.writeFile(path, BYTES);
      assert.deepEqual(await fetchPackage(PIN, PINS, await findMirror(folder)), BYTES);
      await Deno.writeTextFile(path, "another");
      await assert.rejects(
        fetchPackage(PIN, PINS, await findMirror(folder)),
        /^LlorchError: Cannot use .*\.deb as dash 1\.0-1 \(amd64\): its SHA-256 is .* pins\.json says/,
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});

Deno.test("a version that the mirror no longer has is an error that says both ways on", async () => {
  await withServer(BYTES, async (url) => {
    const gone = { ...PIN, version: "0.9-1", path: "pool/main/d/dash/dash_0.9-1_amd64.deb" };
    await assert.rejects(
      fetchPackage(gone, PINS, await findMirror(url)),
      (error: Error) => {
        assert.match(error.message, /^Cannot get the Debian package dash 0\.9-1 \(amd64\): /);
        assert.match(error.message, /answers 404/);
        assert.match(error.message, /run deno task image-base/);
        const snapshot = "http://snapshot.debian.org/archive/debian/20261129T025301Z";
        assert.ok(error.message.includes(`--packages=${snapshot}`), error.message);
        return true;
      },
    );
  });
});

Deno.test("the security archive lies beside the main one", () => {
  assert.deepEqual(
    ["http://m/debian", "http://m/x/debian/2026"].map((url) =>
      siblingArchive(url, "debian-security")
    ),
    ["http://m/debian-security", "http://m/x/debian-security/2026"],
  );
  const said =
    "http://m/debian/ \nhttp://m/debian/ \nhttps://s/debian-security/ \nhttps://o/node/ ";
  assert.deepEqual([...mirrorsIn(said)], [
    ["debian", "http://m/debian"],
    ["debian-security", "https://s/debian-security"],
  ]);
});
