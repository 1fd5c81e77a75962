import { createHash } from "node:crypto";
import { join } from "node:path";
import { LLORCH, withHome } from "../support/llorch.ts";
import { type Bench, type Figure, median } from "./bench.ts";

const MIB = 1024 * 1024;

/** Bytes of the file that is fetched. */
const SIZE = 400 * MIB;

/** Rounds; in each, every way of fetching runs once, so that a slow moment hits them all. */
const ROUNDS = 3;

/** Download over loopback, compared with curl, which only hashes the data and stores nothing. */
export const cliDownload: Bench = {
  title: `download of ${SIZE / MIB} MiB over loopback: medians of ${ROUNDS} rounds`,
  async measure() {
    const whole = content();
    const sha256 = createHash("sha256").update(whole).digest("hex");
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => serve(request, whole, sha256),
    );
    return await figures(`http://127.0.0.1:${server.addr.port}`, sha256);
  },
};

async function figures(hub: string, sha256: string): Promise<Figure[]> {
  const times: Record<"curl" | "kept" | "ours", number[]> = { curl: [], kept: [], ours: [] };
  await withHome(async (home, own) => {
    const env = { ...own, HF_ENDPOINT: hub, HF_HOME: join(home, "hf"), LLORCH_MODELS_DIR: home };
    const url = `${hub}/org/big/resolve/main/big.gguf`;
    for (let round = 0; round <= ROUNDS; round++) {
      const taken = {
        curl: await timeOf(["sh", "-c", `curl -sSf ${url} | sha256sum`], env, sha256),
        kept: await timeOf(
          ["sh", "-c", `curl -sSf ${url} | tee '${home}/kept' | sha256sum`],
          env,
          sha256,
        ),
        ours: await timeOf(
          [...LLORCH, "models", "download", "hf:org/big::file=big.gguf", "--json", "--quiet"],
          env,
          sha256,
        ),
      };
      for (const name of ["kept", "big.gguf", "big.gguf.json"]) await Deno.remove(join(home, name));
      if (round === 0) continue;
      for (const way of ["curl", "kept", "ours"] as const) times[way].push(taken[way]);
    }
  });
  const rate = (way: keyof typeof times) =>
    `${(SIZE / MIB / (median(times[way]) / 1000)).toFixed(0)} MiB/s`;
  const ratio = (way: "curl" | "kept") =>
    median(times.ours.map((ours, round) => (times[way][round] ?? NaN) / ours));
  return [
    { name: "curl | sha256sum", value: rate("curl") },
    { name: "curl | tee FILE | sha256sum", value: rate("kept") },
    {
      name: "llorch models download, to disk",
      value: rate("ours"),
      target: `${ratio("curl").toFixed(2)} × the first, at least 1 (${
        ratio("kept").toFixed(2)
      } × the second)`,
      isMet: ratio("curl") >= 1,
    },
  ];
}

/** Milliseconds that a command takes; it must print the right hash. */
async function timeOf(
  [command = "", ...args]: readonly string[],
  env: Record<string, string>,
  sha256: string,
): Promise<number> {
  const began = performance.now();
  const { stdout, stderr } = await new Deno.Command(command, { args, env, stdin: "null" }).output();
  const taken = performance.now() - began;
  if (new TextDecoder().decode(stdout).includes(sha256)) return taken;
  throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
}

/** A file of random bytes that begins like a model. */
function content(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SIZE);
  for (let at = 0; at < SIZE; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  bytes.set(new TextEncoder().encode("GGUF"));
  return bytes;
}

/** Serves the file from memory as the hub does: all of it, or the requested part. */
function serve(request: Request, whole: Uint8Array<ArrayBuffer>, sha256: string): Response {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "");
  const start = Number(range?.[1] ?? 0);
  const end = Number(range?.[2] ?? SIZE - 1);
  const headers = {
    etag: `"${sha256}"`,
    "content-length": String(end + 1 - start),
    ...(range ? { "content-range": `bytes ${start}-${end}/${SIZE}` } : {}),
  };
  const body = request.method === "HEAD" ? null : whole.subarray(start, end + 1);
  return new Response(body, { status: range ? 206 : 200, headers });
}
