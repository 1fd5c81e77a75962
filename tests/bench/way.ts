/**
 * Where the processor time of a first token goes in orchestratord, leg by leg: a profile of the real program
 * by V8's own sampler, while streams of one token are asked for one after the other.
 *
 * @module
 */
import { join } from "node:path";
import { registerSource, startSource } from "../support/source/process.ts";
import { startCommand, until, within } from "../support/stack.ts";
import { type Bench, type Figure, median } from "./bench.ts";
import { chatTarget, firstToken, type Target, tasksTarget } from "./relay/measure.ts";
import { ms } from "./relay/parts.ts";
import { stop } from "./relay/proxies.ts";

const WARM_UP = 300;
const REQUESTS = 1500;

/** Time between two samples, in µs. */
const SAMPLE_US = 100;

/** A leg of the way, and the code that it is: the innermost frame that a pattern matches decides. */
const LEGS: readonly (readonly [leg: string, code: RegExp])[] = [
  ["log", /shared\/logging\.ts|op_write_sync/],
  ["count", /prom-client|orchestratord\/metrics\.ts|daemons\/orchestratord\/feed\//],
  ["parse", /shared\/(exact_json|http\/body)\.ts/],
  ["validate", /\/zod\/|shared\/contracts\/|field_errors\.ts/],
  ["connect", /shared\/http\/sockets\.ts/],
  ["reply of the worker", /shared\/http\/(reply_parser|sse|arrived_bytes)\.ts|parseEvent/],
  ["request to the worker", /shared\/http\/(stream_transport|client)\.ts/],
  ["relay", /jobs\/(relay|watchdog|attempts)\.ts/],
  ["schedule", /orchestratord\/scheduler\//],
  ["store", /orchestratord\/store\//],
  ["admit", /jobs\/(submit|admission|demand|jobs)\.ts|orchestratord\/access\//],
  ["job and its stream", /jobs\/(live_job|job_stream|follow)\.ts/],
  ["write", /shared\/http\/stream_response\.ts|open_streams\.ts/],
  ["translate", /orchestratord\/api\//],
  ["route", /shared\/http\/app\.ts|\/hono\/|orchestratord\/serving\.ts/],
  [
    "accept",
    /node-server|shared\/http\/(serve|connections)\.ts|_http_server|_http_common|_http_incoming/,
  ],
];

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
}

/** V8's profile: nodes of a call tree, and which of them each sample was in. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** µs. */
  readonly timeDeltas: readonly number[];
}

/** Time in each leg, in µs. */
export function legsOf({ nodes, samples, timeDeltas }: CpuProfile): Map<string, number> {
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const legs = new Map<number, string>();
  for (const { id } of nodes) {
    let leg = "other";
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const { functionName, url } = frames.get(at)!;
      if (functionName === "(idle)") leg = "waiting";
      else if (functionName === "(garbage collector)") leg = "garbage collection";
      else leg = LEGS.find(([, code]) => code.test(`${functionName} ${url}`))?.[0] ?? leg;
      if (leg !== "other") break;
    }
    legs.set(id, leg);
  }
  const times = new Map<string, number>();
  for (const [n, id] of samples.entries()) {
    const leg = legs.get(id)!;
    times.set(leg, (times.get(leg) ?? 0) + timeDeltas[n]!);
  }
  return times;
}

/** A session of V8's inspector. */
class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #count = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { id, result } = JSON.parse(data);
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    };
  }

  static async open(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    await within(new Promise((resolve) => socket.onopen = resolve), "the inspector answers");
    return new Inspector(socket);
  }

  call(method: string, params = {}): Promise<unknown> {
    const id = ++this.#count;
    const answer = new Promise((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params }));
    return within(answer, `${method} is answered`);
  }

  close(): void {
    this.#socket.close();
  }
}

/**
 * orchestratord from source, with its inspector.
 *
 * @param started Gets the program at once, to be stopped whatever happens then.
 */
async function start(dir: string, started: Parameters<typeof stop>[0][]) {
  const file = join(dir, "orchestrator.toml");
  await Deno.writeTextFile(
    file,
    `state_dir = ${JSON.stringify(join(dir, "state"))}\npools.heartbeat_interval_ms = 3600000\n`,
  );
  const program = startCommand(Deno.execPath(), [
    ...["run", "--no-prompt", "-P=orchestratord", "--inspect=127.0.0.1:0"],
    ...["daemons/orchestratord/main.ts", `--config=${file}`, "--port=0"],
  ], { HOME: dir });
  started.push({ program });
  let url: string | undefined;
  void (async () => {
    for await (const line of program.lines) {
      const { event, url: own } = JSON.parse(line);
      if (event === "listening") url = own;
    }
  })();
  let debuggerUrl: string | undefined;
  await until("orchestratord listens", () => {
    debuggerUrl = /ws:\/\/\S+/.exec(program.stderr())?.[0];
    return url !== undefined && debuggerUrl !== undefined;
  });
  return { url: url!, inspector: await Inspector.open(debuggerUrl!) };
}

/** `bench way`: the legs of a first token. */
export const wayOfFirstToken: Bench = {
  title: `processor time of a first token in orchestratord, leg by leg; ${REQUESTS} requests`,
  async measure() {
    const dir = await Deno.makeTempDir({ prefix: "llorch-bench-" });
    const started: Parameters<typeof stop>[0][] = [];
    try {
      const source = await startSource(0);
      started.push(source);
      const { url, inspector } = await start(dir, started);
      await registerSource(url, source, 64);
      const figures = [
        ...await profile(inspector, chatTarget("/v1/chat/completions", url)),
        ...await profile(inspector, tasksTarget("/v2/tasks", url)),
      ];
      inspector.close();
      return figures;
    } finally {
      for (const each of started.reverse()) await stop(each);
      await Deno.remove(dir, { recursive: true });
    }
  },
};

async function profile(inspector: Inspector, target: Target): Promise<Figure[]> {
  for (let n = 0; n < WARM_UP; n++) await firstToken(target);
  await inspector.call("Profiler.enable");
  await inspector.call("Profiler.setSamplingInterval", { interval: SAMPLE_US });
  await inspector.call("Profiler.start");
  const times: number[] = [];
  for (let n = 0; n < REQUESTS; n++) times.push(await firstToken(target));
  const { profile } = await inspector.call("Profiler.stop") as { profile: CpuProfile };
  const legs = [...legsOf(profile)].sort((a, b) => b[1] - a[1]);
  const busy = legs.reduce((sum, [leg, us]) => leg === "waiting" ? sum : sum + us, 0);
  const load = Deno.loadavg().map((each) => each.toFixed(1)).join(", ");
  console.log(`  ${target.name}: load average ${load}`);
  return [
    { name: `${target.name}, first token with the profiler, p50`, value: ms(median(times)) },
    { name: "  processor time of a request", value: `${Math.round(busy / REQUESTS)} µs` },
    ...legs.filter(([leg]) => leg !== "waiting").map(([leg, us]): Figure => ({
      name: `  ${leg}`,
      value: `${Math.round(us / REQUESTS)} µs, ${Math.round(100 * us / busy)} %`,
    })),
  ];
}
