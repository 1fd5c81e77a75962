import assert from "node:assert/strict";
import type { PoolModel } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { LivedTime } from "#shared/clock.ts";
import { Loop } from "../../daemons/orchestratord/scheduler/loop.ts";
import type {
  Effect,
  Input,
  Outcome,
  Place,
  State,
} from "../../daemons/orchestratord/scheduler/state.ts";
import { MOST_YIELDS } from "../../daemons/orchestratord/scheduler/yields.ts";
import { checkReload } from "../../daemons/orchestratord/scheduler/reload.ts";
import {
  durationOf,
  HEARTBEAT_MS,
  METRICS_MS,
  modelOf,
  policyOf,
  PREFILL_TOKENS_PER_MS,
  sleepOf,
  STALL_MS,
  TICK_MS,
  TOKEN_MS,
  TRIALS_MS,
  UNRESPONSIVE_MS,
} from "./figures.ts";
import { FakeHost, LOOK_MS, type Process, RELEASE_MS } from "./host.ts";
import { checkDeadlines, checkState, Ledger } from "./invariants.ts";
import type { Fault, Scenario, Task } from "./scenario.ts";
import { Timers } from "./timers.ts";

/** Result of a run. */
export interface Summary {
  readonly steps: number;
  readonly ended: number;
}

/**
 * Runs a scenario to the end of its last job.
 *
 * @throws {AssertionError} if an invariant does not hold, or a job has not ended in time
 */
export function simulate(scenario: Scenario): Summary {
  return new World(scenario).run();
}

class World {
  readonly #scenario: Scenario;
  readonly #timers = new Timers();
  readonly #hosts: FakeHost[];
  readonly #ledger: Ledger;
  readonly #streams = new Map<string, { attempt: number; process: Process; end: Ender }>();
  readonly #models: readonly PoolModel[];
  #loop: Loop;
  /** Number of the orchestrator's start. */
  #start = 1;
  readonly #lived = new LivedTime(() => this.#timers.now, () => {});
  /** Tokens that each job has delivered. */
  readonly #delivered = new Map<string, number>();
  /** Refused tasks that will be submitted again. */
  readonly #asking = new Set<string>();
  /** Number of active faults that keep the database from taking writes. */
  #storageFaults = 0;
  /** Difference of the wall clock to the time since the start, in ms. */
  #wallMs = 1e12;
  #steps = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#loop = this.#newLoop();
    this.#ledger = new Ledger(() => this.#state);
    this.#models = scenario.models.map(modelOf);
    this.#hosts = scenario.hosts.map((plan, index) =>
      new FakeHost(`host${index}`, plan, this.#models, {
        now: 0,
        after: (ms, run) => this.#timers.after(ms, run),
        report: (host) => this.#report(host),
        ended: (process) => this.#breakStreams(process),
      })
    );
  }

  #newLoop(): Loop {
    const clock = {
      now: () => this.#wallMs + this.#timers.now,
      steady: () => this.#lived.read(),
      after: () => assert.fail("The scheduler sets no timer"),
    };
    const loop = new Loop(policyOf(this.#scenario), clock, this.#start);
    loop.connect((effect) => this.#carryOut(effect));
    loop.observe((_, input) => {
      const now = this.#lived.read();
      return (_, effects) => {
        this.#check(input, effects, now);
        return [];
      };
    }, () => {});
    return loop;
  }

  /**
   * Another orchestrator goes on from what is stored. Orders of the one before it that are under way are
   * refused, and nothing is known of what was not stored.
   */
  #takeOver(): void {
    const old = this.#state;
    const drains = [...old.drains];
    const pins = [...old.pins.values()];
    const jobs = new Map([...old.queued, ...old.running]);
    this.#streams.clear();
    this.#start++;
    this.#loop = this.#newLoop();
    const left = this.#ledger.tookOver((id) => jobs.get(id)?.isStored === true);
    if (this.#storageFaults > 0) this.#send({ kind: "storage", isWritable: false });
    for (const pin of pins) this.#send({ kind: "pin", pin });
    for (const [poolId, until] of drains) this.#send({ kind: "drain_pool", poolId, until });
    for (const host of this.#hosts) {
      if (!host.isCutOff) this.#send({ kind: "pool_seen", pool: host.state() });
    }
    for (const { id, attempt } of left) {
      const { model, fingerprint, queuedAt, priority, tenant, deadlineAt, deaths } = jobs.get(id)!;
      const task = this.#taskOf(id);
      this.#send({
        kind: "submit",
        job: {
          ...{ id, model, fingerprint, queuedAt, attempt, priority, tenant, deadlineAt, deaths },
          ...{ tokensIn: task.tokensIn, tokensAtMost: task.tokensIn, maxTokens: undefined },
          ...{ speaks: true, isStored: true },
          affinity: task.session === undefined ? [] : [`session${task.session}`],
        },
      });
    }
    this.#ledger.restored();
  }

  /** Runs something later, unless another orchestrator has taken over. */
  #ofLoop(ms: number, run: () => void): void {
    const loop = this.#loop;
    this.#timers.after(ms, () => {
      if (this.#loop === loop) run();
    });
  }

  get #state(): Readonly<State> {
    return this.#loop.state;
  }

  run(): Summary {
    const { tasks, faults } = this.#scenario;
    for (const host of this.#hosts) this.#beat(host);
    for (const [index, task] of tasks.entries()) {
      this.#timers.after(task.at, () => this.#submit(`job${index}`, task));
    }
    for (const fault of faults) this.#timers.after(fault.at, () => this.#happen(fault));
    this.#tick();
    const deadline = this.#latestEnd();
    let isDone = false;
    while (!isDone) {
      assert.ok(this.#timers.next());
      isDone = this.#ledger.open.length === 0 && this.#asking.size === 0 &&
        this.#timers.now > Math.max(...tasks.map(({ at }) => at));
      assert.ok(
        isDone || this.#timers.now <= deadline,
        `not served within ${deadline} ms: ${
          this.#ledger.open.map((id) => JSON.stringify(this.#state.queued.get(id) ?? id))
        }`,
      );
    }
    return { steps: this.#steps, ended: tasks.length };
  }

  /**
   * When every job must have ended: after the last fault there is time to run all jobs one after the other,
   * each with its own swap.
   */
  #latestEnd(): number {
    const { tasks, faults, hosts, policy, latency } = this.#scenario;
    const asleep = faults.filter(({ kind }) => kind === "sleep")
      .reduce((sum, { lasts }) => sum + sleepOf(lasts), 0);
    const calm = asleep + Math.max(
      ...tasks.map(({ at }) => at),
      ...faults.map(({ at, lasts }) => at + lasts),
      0,
    );
    const swap = policy.patience + policy.resident +
      Math.max(...hosts.map(({ loadMs }) => loadMs)) + 10 * latency + 2 * HEARTBEAT_MS + 500;
    const trials = tasks.filter(({ poison }) => poison).length * TRIALS_MS;
    // A refused client tries again a while later.
    // Each time a job yields, it waits for a tick and reads again what it has.
    const yields = policy.yieldAfter === 0 ? 0 : MOST_YIELDS * tasks.reduce(
      (sum, { tokensIn, tokensOut }) =>
        sum + TICK_MS + 2 * latency + (tokensIn + tokensOut) / PREFILL_TOKENS_PER_MS,
      0,
    );
    const work = trials + yields +
      tasks.reduce((sum, task) => sum + swap + durationOf(task) + ASK_AGAIN_MS, 0);
    const settled = policyOf(this.#scenario);
    return calm + settled.poolForgetMs + settled.breakerOpenMs + settled.batchPromoteMs +
      settled.spawnTimeoutMs + 5 * settled.backoffMaxMs + work;
  }

  #send(input: Input): void {
    this.#loop.send(input);
  }

  /** Checks what must hold after each step, before its effects are carried out. */
  #check(input: Input, effects: readonly Effect[], now: number): void {
    this.#steps++;
    if (input.kind === "attempt_ended") {
      this.#ledger.attemptEnded(input.jobId, input.attempt, input.outcome.kind !== "lost");
    }
    for (const effect of effects) {
      this.#ledger.effect(effect, now);
      this.#checkBlame(effect);
    }
    checkState(this.#state);
    if (input.kind === "tick") checkDeadlines(this.#state, now);
    this.#ledger.checkNoneLost();
  }

  /** Checks that no pool, worker or job is blamed for another's fault, or for time in which nothing ran. */
  #checkBlame(effect: Effect): void {
    if (effect.kind === "pool_lost") {
      assert.ok(this.#host(effect.poolId).wasCutOff, "a pool that reports is given up");
    } else if (effect.kind === "stop_worker" && effect.reason === "hung") {
      const process = this.#host(effect.poolId).processes.get(effect.workerId);
      assert.ok(process?.hangs ?? true, "a healthy worker is stopped as hung");
    } else if (effect.kind === "fail" && effect.error.code === "REQUEST_UNSAFE") {
      const { tasks, faults } = this.#scenario;
      const killers = tasks.filter(({ poison }) => poison).length +
        faults.filter(({ kind }) => kind === "crash" || kind === "hang").length;
      const isPoison = this.#taskOf(effect.jobId).poison !== undefined;
      assert.ok(isPoison || killers > 1, `${effect.jobId} is called unsafe, and is not`);
    }
  }

  #carryOut(effect: Effect): void {
    const { latency } = this.#scenario;
    switch (effect.kind) {
      case "dispatch":
        return this.#ofLoop(latency, () => this.#stream(effect));
      case "abort":
        this.#streams.delete(effect.jobId);
        return;
      case "spawn":
        return this.#ofLoop(latency, () => this.#spawn(effect));
      case "stop_worker":
        return this.#ofLoop(latency, () => {
          const host = this.#host(effect.poolId);
          if (!host.isCutOff) return host.kill(effect.workerId, "stopped");
          this.#send({ kind: "stop_failed", workerId: effect.workerId });
        });
      case "fail":
      case "suspect":
      case "loaded":
      case "load_failed":
      case "pool_lost":
        return;
    }
  }

  #spawn(effect: Extract<Effect, { kind: "spawn" }>): void {
    const { spawn } = effect;
    const { requestId } = spawn;
    const host = this.#host(spawn.poolId);
    try {
      if (host.isCutOff) throw new Error("cannot be reached");
      const workerId = host.spawn(spawn).id;
      this.#send({ kind: "spawn_accepted", requestId, workerId });
      this.#report(host);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      // A pool manager waits for memory that is about to become free.
      if (host.isSettling && !host.isCutOff) {
        return this.#ofLoop(LOOK_MS, () => this.#spawn(effect));
      }
      this.#send({ kind: "spawn_failed", requestId, message: (error as Error).message });
    }
  }

  #stream({ jobId, attempt, poolId, worker }: Extract<Effect, { kind: "dispatch" }>): void {
    const process = this.#host(poolId).processes.get(worker.worker_id);
    const job = this.#state.running.get(jobId);
    if (job?.attempt !== attempt) return;
    const task = this.#taskOf(jobId);
    const before = this.#delivered.get(jobId) ?? 0;
    let tokensOut = 0;
    const end: Ender = (outcome) => {
      if (this.#streams.get(jobId)?.end !== end) return;
      this.#streams.delete(jobId);
      this.#send({ kind: "attempt_ended", jobId, attempt, tokensOut, outcome });
    };
    if (!process) {
      const outcome = {
        kind: "lost" as const,
        message: "cannot be reached",
        brokeOff: true as const,
      };
      return this.#send({ kind: "attempt_ended", jobId, attempt, tokensOut, outcome });
    }
    this.#streams.set(jobId, { attempt, process, end });
    const advance = (tokens: number) => {
      if (this.#streams.get(jobId)?.end !== end) return;
      if (tokens > 0 && !process.hangs) this.#delivered.set(jobId, before + tokens);
      if (task.poison && before + tokens >= task.poison.after) this.#poison(task.poison, process);
      if (this.#streams.get(jobId)?.end !== end) return;
      if (process.hangs) {
        const outcome = { kind: "lost" as const, message: "silent", silentMs: STALL_MS };
        return this.#timers.after(STALL_MS, () => end(outcome));
      }
      tokensOut = tokens;
      this.#send(
        tokens > 0
          ? { kind: "progress", jobId, attempt, tokensOut }
          : { kind: "heard", jobId, attempt },
      );
      const left = task.tokensOut - before - tokens;
      if (left <= 0) return end({ kind: "done" });
      const more = Math.min(left, Math.max(1, METRICS_MS / TOKEN_MS));
      this.#timers.after(more * TOKEN_MS, () => advance(tokens + more));
    };
    this.#timers.after(task.tokensIn / PREFILL_TOKENS_PER_MS, () => advance(0));
  }

  #breakStreams(process: Process): void {
    for (const { process: on, end } of [...this.#streams.values()]) {
      if (on === process) end({ kind: "lost", message: "the connection broke", brokeOff: true });
    }
  }

  #poison({ kind }: NonNullable<Task["poison"]>, process: Process): void {
    if (kind === "crash") this.#hostOf(process).kill(process.id, "crashed");
    else this.#hang(process, UNRESPONSIVE_MS);
  }

  /** Makes a worker hang; its pool manager ends it after `lasts` ms. */
  #hang(process: Process, lasts: number): void {
    if (process.hangs) return;
    process.hangs = true;
    this.#timers.after(lasts, () => this.#hostOf(process).kill(process.id, "silent"));
  }

  #submit(id: string, task: Task): void {
    const { fingerprint, model_ref } = this.#models[task.model % this.#models.length]!;
    const now = this.#lived.read();
    const priority = task.batch ? "batch" as const : "interactive" as const;
    const tenant = `tenant${task.tenant}`;
    this.#asking.delete(id);
    const free = this.#loop.state.policy.queueCapacity - this.#loop.state.queued.size;
    try {
      const { tokensIn } = task;
      const sized = { tokensIn, maxTokens: undefined, speaks: true };
      this.#loop.place({ ...sized, priority, fingerprint, tenant }, task.deadline);
    } catch (error) {
      assert.ok(error instanceof LlorchError);
      if (error.code === "QUEUE_FULL") this.#ledger.refused(tenant, error, free, now);
      if (error.code !== "QUEUE_FULL" || !task.patient) return;
      this.#asking.add(id);
      return this.#timers.after(error.retryAfterMs ?? 0, () => this.#submit(id, task));
    }
    this.#ledger.submitted(id, tenant, now);
    this.#send({
      kind: "submit",
      job: {
        ...{ id, model: model_ref, fingerprint, queuedAt: now, attempt: 0, priority, tenant },
        deadlineAt: task.deadline === undefined ? undefined : now + task.deadline,
        tokensIn: task.tokensIn,
        tokensAtMost: task.tokensIn,
        maxTokens: undefined,
        speaks: true,
        isStored: task.tenant % 2 === 0,
        deaths: 0,
        affinity: task.session === undefined ? [] : [`session${task.session}`],
      },
    });
  }

  #happen({ kind, which, lasts }: Fault): void {
    const host = this.#hosts[which % this.#hosts.length]!;
    const processes = this.#hosts.flatMap(({ processes }) => [...processes.values()]);
    const process = processes[which % Math.max(1, processes.length)];
    switch (kind) {
      case "cancel": {
        const jobId = `job${which % this.#scenario.tasks.length}`;
        return this.#send({
          kind: "cancel",
          jobId,
          error: { code: "CANCELLED", message: "cancelled" },
        });
      }
      case "crash":
        if (process) this.#hostOf(process).kill(process.id, "crashed");
        return;
      case "hang":
        return process && this.#hang(process, lasts);
      case "sleep":
        return this.#timers.sleep(sleepOf(lasts));
      case "clock_set":
        this.#wallMs -= 3_600_000;
        return;
      case "load_fails":
        host.failingLoads += 1 + which % 4;
        return this.#timers.after(lasts, () => host.failingLoads = 0);
      case "partition":
        host.isCutOff = host.wasCutOff = true;
        return this.#timers.after(lasts, () => {
          host.isCutOff = false;
          this.#report(host);
        });
      case "drain": {
        const until = this.#lived.read() + Math.round(lasts / 2);
        this.#send({ kind: "drain_pool", poolId: host.id, until });
        return this.#timers.after(lasts, () => {
          // Unless another drain of this pool began or ended meanwhile.
          if (this.#state.drains.get(host.id) === until) this.#checkDrained(host, lasts);
          this.#send({ kind: "undrain_pool", poolId: host.id });
        });
      }
      case "reload": {
        const [old] = host.processes.values();
        const to = this.#models[which % this.#models.length]!;
        if (!old) return;
        const reload = {
          ...{ poolId: host.id, from: old.model.fingerprint, to: to.fingerprint },
          ...{ fromRef: old.model.model_ref, toRef: to.model_ref, streamsMs: lasts },
        };
        try {
          checkReload(this.#state, reload);
        } catch (error) {
          assert.ok(error instanceof LlorchError);
          return;
        }
        return this.#send({ kind: "reload_pool", reload });
      }
      case "takeover":
        return this.#takeOver();
      case "storage":
        this.#storageFaults++;
        this.#send({ kind: "storage", isWritable: false });
        for (const { id, attempt } of [...this.#state.running.values()]) {
          this.#send({ kind: "unwritten", jobId: id, attempt });
        }
        return this.#timers.after(lasts, () => {
          if (--this.#storageFaults === 0) this.#send({ kind: "storage", isWritable: true });
        });
      case "restart":
        host.restart();
        return this.#report(host);
      case "load":
        return this.#send({ kind: "load", place: this.#placeOf(which) });
      case "unload":
        return this.#send({ kind: "unload", place: this.#placeOf(which) });
      case "pin": {
        const place = this.#placeOf(which);
        this.#send({ kind: "pin", pin: { ...place, model: "m" } });
        return this.#timers.after(lasts, () => this.#send({ kind: "unpin", place }));
      }
      case "memory_taken": {
        const bytes = Math.round(host.memoryOf(which) * 0.7);
        host.take(which, bytes);
        this.#report(host);
        return this.#timers.after(lasts, () => {
          host.take(which, -bytes);
          this.#report(host);
        });
      }
    }
  }

  /** Checks that a pool that was drained for longer than a stop takes has no workers. */
  #checkDrained(host: FakeHost, lasts: number): void {
    const { latency, faults } = this.#scenario;
    // A sleep delays the stops.
    // A takeover, too: their orders are lost.
    if (faults.some(({ kind }) => kind === "sleep" || kind === "takeover")) return;
    if (host.wasCutOff || lasts / 2 < 2 * HEARTBEAT_MS + TICK_MS + 4 * latency + RELEASE_MS) return;
    assert.deepEqual([...host.processes.keys()], [], "a drained pool still has workers");
  }

  /** A model anywhere, or on one pool. */
  #placeOf(which: number): Place {
    const { fingerprint } = this.#models[which % this.#models.length]!;
    const host = which % 2 === 0 ? undefined : this.#hosts[which % this.#hosts.length]!.id;
    return { fingerprint, poolId: host, device: undefined };
  }

  #report(host: FakeHost): void {
    this.#timers.after(this.#scenario.latency, () => {
      if (!host.isCutOff) this.#send({ kind: "pool_seen", pool: host.state() });
    });
  }

  #beat(host: FakeHost): void {
    this.#report(host);
    this.#timers.after(HEARTBEAT_MS, () => this.#beat(host));
  }

  #tick(): void {
    this.#send({ kind: "tick" });
    this.#timers.after(TICK_MS, () => this.#tick());
  }

  #taskOf(jobId: string): Task {
    return this.#scenario.tasks[Number(jobId.slice("job".length))]!;
  }

  #host(id: string): FakeHost {
    return this.#hosts.find((host) => host.id === id)!;
  }

  #hostOf(process: Process): FakeHost {
    return this.#hosts.find((host) => process.id.startsWith(`${host.id}-`))!;
  }
}

/** Longest pause of a client whose task was refused, in ms. */
const ASK_AGAIN_MS = 4_000;

type Ender = (outcome: Outcome) => void;
