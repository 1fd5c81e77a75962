import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createTcp, type Socket } from "node:net";
import { HAS_OPENSSL, withCertificates } from "../../../tests/support/certificates.ts";
import { FetchFailure, getPinned, type PinnedGet } from "./pinned_get.ts";

const IMAGE = Uint8Array.of(1, 2, 3, 4);

type Handler = (request: Request) => Response;

/** Runs a test with an HTTP server on loopback. */
async function withServer(
  handler: Handler,
  test: (port: number) => Promise<void>,
  tls: { cert?: string; key?: string } = {},
): Promise<void> {
  const options = { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls };
  await using server = Deno.serve(options as Deno.ServeTcpOptions, handler);
  await test(server.addr.port);
}

/** Runs a test with a server that answers any request with these bytes, and then as `after` says. */
async function withBytes(
  text: string,
  test: (port: number) => Promise<void>,
  after: (socket: Socket) => void = (socket) => socket.end(),
): Promise<void> {
  const server = createTcp((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write(text, () => after(socket)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await test((server.address() as { port: number }).port);
  } finally {
    const closed = once(server, "close");
    server.close();
    await closed;
  }
}

const get = (url: string, changes: Partial<PinnedGet> = {}) =>
  getPinned({
    url: new URL(url),
    addresses: ["127.0.0.1"],
    maxBytes: 100,
    signal: new AbortController().signal,
    ...changes,
  });

const fails = (work: Promise<unknown>, message: RegExp) =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof FetchFailure, String(error));
    assert.match(error.message, message);
    return true;
  });

Deno.test("the given address is called, with the host's name and nothing else about us", async () => {
  let seen: { url: string; names: string[] } | undefined;
  const handler = ({ url, headers }: Request) => {
    seen = { url, names: [...headers.keys()].sort() };
    return new Response(IMAGE);
  };
  await withServer(handler, async (port) => {
    const url = `http://images.example.org:${port}/a%20b.png?size=2`;
    assert.deepEqual(await get(url), IMAGE);
    const names = ["accept", "accept-encoding", "connection", "host", "user-agent"];
    assert.deepEqual(seen, { url, names });
  });
});

Deno.test("the next address is called when one cannot be reached", async () => {
  await withServer(() => new Response(IMAGE), async (port) => {
    const url = `http://images.example.org:${port}/`;
    assert.deepEqual(await get(url, { addresses: ["127.0.0.2", "127.0.0.1"] }), IMAGE);
    await fails(get(url, { addresses: ["127.0.0.2", "127.0.0.3"] }), /^it cannot be reached: /);
  });
});

Deno.test({
  name: "over https the certificate must be of the host's name" +
    (HAS_OPENSSL ? "" : " (no openssl)"),
  ignore: !HAS_OPENSSL,
  fn: () =>
    withCertificates(async (files) => {
      const [cert, key, ca] = await Promise.all(
        [files.cert, files.key, files.ca].map((path) => Deno.readTextFile(path)),
      ) as [string, string, string];
      let calls = 0;
      const handler = ({ url }: Request) => (calls++, new Response(url));
      await withServer(handler, async (port) => {
        const body = await get(`https://localhost:${port}/a`, { ca });
        assert.equal(new TextDecoder().decode(body), `https://localhost:${port}/a`);
        await get(`https://127.0.0.1:${port}/`, { ca });
        assert.equal(calls, 2);
        await fails(get(`https://images.example.org:${port}/`, { ca }), /altnames/);
        await fails(get(`https://localhost:${port}/`), /certificate/);
        assert.equal(calls, 2);
      }, { cert, key });
    }),
});

Deno.test("redirects are not followed", async () => {
  let calls = 0;
  for (const status of [301, 302, 303, 307, 308]) {
    const handler = () => {
      calls++;
      return new Response(null, { status, headers: { location: "/elsewhere" } });
    };
    await withServer(
      handler,
      (port) => fails(get(`http://127.0.0.1:${port}/`), new RegExp(`a redirect \\(${status}\\)`)),
    );
  }
  assert.equal(calls, 5);
});

Deno.test("replies without an image are failures", async () => {
  for (const status of [204, 206, 404, 500]) {
    const handler = () => new Response(status === 204 ? null : "x", { status });
    await withServer(
      handler,
      (port) => fails(get(`http://127.0.0.1:${port}/`), new RegExp(`with status ${status}`)),
    );
  }
  const zipped = () => new Response("x", { headers: { "content-encoding": "gzip" } });
  await withServer(zipped, (port) => fails(get(`http://127.0.0.1:${port}/`), /content encoding/));
  await withBytes(
    "SSH-2.0-OpenSSH_9.9\r\n",
    (port) => fails(get(`http://127.0.0.1:${port}/`), /the connection failed/),
  );
});

Deno.test("a body may be as large as the bound, and not a byte larger", async () => {
  await withServer(() => new Response(new Uint8Array(100)), async (port) => {
    assert.equal((await get(`http://127.0.0.1:${port}/`)).length, 100);
  });
  await withServer(
    () => new Response(new Uint8Array(101)),
    (port) => fails(get(`http://127.0.0.1:${port}/`), /larger than 100 bytes/),
  );
});

Deno.test("a body that is announced or grows beyond the bound is not read to its end", async () => {
  // Neither of these servers ends its reply.
  const never = () => {};
  await withBytes(
    "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
    (port) => fails(get(`http://127.0.0.1:${port}/`), /larger than 100 bytes/),
    never,
  );
  const chunk = `64\r\n${"a".repeat(100)}\r\n`;
  await withBytes(
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`,
    (port) => fails(get(`http://127.0.0.1:${port}/`), /larger than 100 bytes/),
    never,
  );
});

Deno.test("a body that ends early is a failure", async () => {
  await withBytes(
    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
    (port) => fails(get(`http://127.0.0.1:${port}/`), /the connection/),
  );
  await withBytes(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    (port) => fails(get(`http://127.0.0.1:${port}/`), /the connection/),
  );
});

Deno.test("an abort ends the connection, before the reply and within it", async () => {
  for (const text of ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", ""]) {
    const stop = new AbortController();
    const ended = Promise.withResolvers<void>();
    await withBytes(text, async (port) => {
      const work = get(`http://127.0.0.1:${port}/`, { signal: stop.signal });
      await assert.rejects(work, /the client has left/);
      await ended.promise;
    }, (socket) => {
      socket.once("close", () => ended.resolve());
      stop.abort(new Error("the client has left"));
    });
  }
});

Deno.test("a proxy of the environment is not used", async () => {
  await withServer(({ url }) => new Response(url), async (port) => {
    const module = new URL("./pinned_get.ts", import.meta.url).href;
    const script = `
      import { getPinned } from ${JSON.stringify(module)};
      const url = new URL("http://images.example.org:${port}/a");
      const order = { url, addresses: ["127.0.0.1"], maxBytes: 100, signal: new AbortController().signal };
      await Deno.stdout.write(await getPinned(order));`;
    const proxy = "http://127.0.0.1:9";
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-check", script],
      cwd: import.meta.dirname!,
      env: { HTTP_PROXY: proxy, http_proxy: proxy, ALL_PROXY: proxy, NODE_USE_ENV_PROXY: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.equal(text, `http://images.example.org:${port}/a`, new TextDecoder().decode(stderr));
  });
});

Deno.test("a body without a length that is given up is not taken for a whole one", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const sent = Promise.withResolvers<Deno.Conn>();
  const serving = (async () => {
    const connection = await listener.accept();
    await connection.read(new Uint8Array(1000));
    const head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf";
    await connection.write(new TextEncoder().encode(head));
    sent.resolve(connection);
  })();
  const late = new AbortController();
  const work = getPinned({
    url: new URL(`http://127.0.0.1:${listener.addr.port}/`),
    addresses: ["127.0.0.1"],
    maxBytes: 1000,
    signal: late.signal,
  });
  const connection = await sent.promise;
  late.abort(new Error("late"));
  await assert.rejects(work, /^Error: late$/);
  connection.close();
  await serving;
});
