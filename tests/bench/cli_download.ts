import { createHash } from "node:crypto";
import { join } from "node:path";
import { LLORCH, withHome } from "../support/llorch.ts";
import { type Bench, type Figure, median } from "./bench.ts";

const MIB = 1024 * 1024;

/** Bytes of the file that is fetched. */
const SIZE = 400 * MIB;

/** Rounds; in each, every way of fetching runs once, so that a slow moment hits them all. */
const ROUNDS = 3;

/** Fetching over loopback, beside curl that only hashes and keeps nothing. */
export const cliDownload: Bench = {
  title: `download of ${SIZE / MIB} MiB over loopback: medians of ${ROUNDS} rounds`,
  async measure() {
    const folder = await Deno.makeTempDir({ prefix: "llorch-bench-" });
    try {
      const file = join(folder, "big.gguf");
      const sha256 = await writeFile(file);
      await using server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        (request) => serve(request, file, sha256),
      );
      return await figures(`http://127.0.0.1:${server.addr.port}`, sha256);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
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

/** Milliseconds that a command takes, which must say the right hash. */
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

/** Writes the file and gives its hash. */
async function writeFile(path: string): Promise<string> {
  const block = new Uint8Array(MIB);
  for (let at = 0; at < MIB; at += 65_536) crypto.getRandomValues(block.subarray(at, at + 65_536));
  block.set(new TextEncoder().encode("GGUF"));
  const hash = createHash("sha256");
  using file = await Deno.open(path, { write: true, createNew: true });
  for (let count = 0; count < SIZE / MIB; count++) {
    hash.update(block);
    await file.write(block);
  }
  return hash.digest("hex");
}

/** Plays the hub: the whole file, or the part that is asked for. */
async function serve(request: Request, path: string, sha256: string): Promise<Response> {
  const asked = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "");
  const start = Number(asked?.[1] ?? 0);
  const end = Number(asked?.[2] ?? SIZE - 1);
  const headers = {
    etag: `"${sha256}"`,
    "content-length": String(end + 1 - start),
    ...(asked ? { "content-range": `bytes ${start}-${end}/${SIZE}` } : {}),
  };
  if (request.method === "HEAD") return new Response(null, { headers });
  const file = await Deno.open(path);
  await file.seek(start, Deno.SeekMode.Start);
  return new Response(asked ? part(file, end + 1 - start) : file.readable, {
    status: asked ? 206 : 200,
    headers,
  });
}

function part(file: Deno.FsFile, length: number): ReadableStream<Uint8Array> {
  let left = length;
  return new ReadableStream({
    async pull(controller) {
      const buffer = new Uint8Array(Math.min(65_536, left));
      const count = await file.read(buffer) ?? 0;
      left -= count;
      if (count > 0) controller.enqueue(buffer.subarray(0, count));
      if (left > 0 && count > 0) return;
      file.close();
      controller.close();
    },
    cancel: () => file.close(),
  });
}
