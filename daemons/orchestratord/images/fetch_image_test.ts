import assert from "node:assert/strict";
import { HAS_OPENSSL, withCertificates } from "../../../tests/support/certificates.ts";
import { configSchema } from "../config.ts";
import { type HostAddress, imageFetcher } from "./fetch_image.ts";

const BYTES = new Uint8Array(1000).fill(7);

/** Runs a test with a server on this machine. */
async function withServer(
  handler: (request: Request) => Response | Promise<Response>,
  test: (port: number) => Promise<void>,
  tls: { readonly cert?: string; readonly key?: string } = {},
): Promise<void> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls } as Deno.ServeTcpOptions,
    handler,
  );
  try {
    await test(server.addr.port);
  } finally {
    await server.shutdown();
  }
}

const images = (settings: Record<string, unknown>) => ({
  images: configSchema.parse({ images: { max_bytes: 2000, ...settings } }).images,
});

Deno.test("an image is fetched from a host that is listed, and from no other", async () => {
  await withServer(() => new Response(BYTES), async (port) => {
    const fetchImage = imageFetcher(images({ fetch_hosts: ["127.0.0.1"] }));
    assert.deepEqual(await fetchImage(`http://127.0.0.1:${port}/a.png`), BYTES);
    await assert.rejects(
      fetchImage(`http://localhost:${port}/a.png`),
      /is on localhost, from which no images are fetched: .*images\.fetch_hosts/,
    );
    await assert.rejects(fetchImage(`http://u:p@127.0.0.1:${port}/`), /user or password/);
    await assert.rejects(fetchImage("http://"), /not a valid URL/);
  });
});

Deno.test("the addresses of a name are checked, and the checked one is called", async () => {
  let calls = 0;
  const answer = (request: Request) => {
    calls++;
    return new Response(request.headers.get("host"));
  };
  await withServer(answer, async (port) => {
    const config = images({ fetch_hosts: ["*.example.org"] });
    const fetchFrom = (...addresses: HostAddress[]) =>
      imageFetcher(config, { resolve: () => Promise.resolve(addresses) });
    const url = `http://pictures.example.org:${port}/a.png`;
    const outside = { address: "1.1.1.1", family: 4 };
    for (const address of ["10.0.0.1", "::1", "169.254.169.254", "::ffff:7f00:1"]) {
      const inside = { address, family: address.includes(":") ? 6 : 4 };
      await assert.rejects(fetchFrom(inside)(url), /not of the public network/);
      await assert.rejects(fetchFrom(outside, inside)(url), /not of the public network/);
    }
    await assert.rejects(fetchFrom()(url), /has no address/);
    assert.equal(calls, 0, "nothing was called");
    const literal = imageFetcher(images({ fetch_hosts: ["169.254.169.254"] }));
    await assert.rejects(literal("http://169.254.169.254/"), /not of the public network/);
  });
});

Deno.test("redirects, errors, large replies and silence are refused by name", async () => {
  const never = Promise.withResolvers<Response>();
  const answers: Record<string, () => Response | Promise<Response>> = {
    "/moved": () => new Response(null, { status: 302, headers: { location: "http://10.0.0.1/" } }),
    "/none": () => new Response(null, { status: 404 }),
    "/large": () => new Response(new Uint8Array(2001)),
    "/long": () => {
      // Without a length, and without an end.
      const body = new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(1000)),
      });
      return new Response(body);
    },
    "/silent": () => never.promise,
    "/stuck": () => new Response(new ReadableStream({ start: (it) => it.enqueue(BYTES) })),
  };
  const handler = (request: Request) => answers[new URL(request.url).pathname]!();
  await withServer(handler, async (port) => {
    const config = images({ fetch_hosts: ["127.0.0.1"], fetch_timeout_ms: 300 });
    const fetchImage = imageFetcher(config);
    const cases = {
      "/moved": /redirects, which is not followed/,
      "/none": /answers 404/,
      "/large": /larger than 2000 bytes/,
      "/long": /larger than 2000 bytes/,
      "/silent": /took longer than 300 ms/,
      "/stuck": /took longer than 300 ms/,
    };
    for (const [path, message] of Object.entries(cases)) {
      await assert.rejects(fetchImage(`http://127.0.0.1:${port}${path}`), message);
    }
    never.resolve(new Response());
  });
  await assert.rejects(
    imageFetcher(images({ fetch_hosts: ["127.0.0.1"] }))("http://127.0.0.1:1/a.png"),
    /cannot be fetched from 127\.0\.0\.1/,
  );
});

Deno.test({
  name: "over TLS the name of the host counts, not the address that is called",
  ignore: !HAS_OPENSSL, // Its certificates are made by openssl.
  async fn() {
    await withCertificates(async ({ cert, key, ca }) => {
      const tls = { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
      const hostOf = (request: Request) => new Response(request.headers.get("host"));
      await withServer(hostOf, async (port) => {
        const config = images({ fetch_hosts: ["127.0.0.1", "localhost", "other.example"] });
        const trusted = { ca: await Deno.readTextFile(ca) };
        const url = `https://127.0.0.1:${port}/a.png`;
        const host = new TextDecoder().decode(await imageFetcher(config, trusted)(url));
        assert.equal(host, `127.0.0.1:${port}`);
        await assert.rejects(imageFetcher(config)(url), /cannot be fetched from 127\.0\.0\.1/);
      }, tls);
    });
  },
});
