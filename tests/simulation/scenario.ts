import fc from "fast-check";

/** Everything that happens in one simulated run; all times in ms. */
export interface Scenario {
  readonly policy: {
    readonly patience: number;
    readonly resident: number;
    /** 0: never. */
    readonly yieldAfter: number;
    /** 0: never. */
    readonly ttl: number;
    /** Places in the queue. */
    readonly capacity: number;
    readonly preload: readonly number[];
  };
  readonly models: readonly Model[];
  readonly hosts: readonly Host[];
  readonly tasks: readonly Task[];
  readonly faults: readonly Fault[];
  /** Delay of messages between any two programs, one way. */
  readonly latency: number;
}

/** One model. */
export interface Model {
  /** Memory that it takes, in MiB. */
  readonly mib: number;
  /** Whether several devices may hold it together. */
  readonly divides: boolean;
}

/** One host with its pool manager. */
export interface Host {
  /** Memory of each device, in MiB. */
  readonly devices: readonly number[];
  readonly slots: number;
  readonly loadMs: number;
}

/** One job of a client. */
export interface Task {
  readonly at: number;
  readonly model: number;
  readonly tenant: number;
  readonly batch: boolean;
  readonly session: number | undefined;
  /** Counted from `at`. */
  readonly deadline: number | undefined;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** Whether its client tries again when the queue is full. */
  readonly patient: boolean;
  /** What it does to each worker that runs it, once it has delivered `after` tokens. */
  readonly poison: { readonly kind: "hang" | "crash"; readonly after: number } | undefined;
}

/** A fault, or an action of a person. */
export interface Fault {
  readonly at: number;
  readonly kind:
    | "cancel"
    | "crash"
    | "hang"
    | "load_fails"
    | "partition"
    | "restart"
    | "drain"
    | "reload"
    | "memory_taken"
    /** The whole machine is suspended, as a closed laptop is. */
    | "sleep"
    /** Somebody sets the wall clock back. */
    | "clock_set"
    /** The orchestrator is gone, and another one goes on from the database. */
    | "takeover"
    /** The database takes no writes: a full disk. */
    | "storage"
    | "load"
    | "unload"
    | "pin";
  /** Index of the job, worker or host, modulo their number. */
  readonly which: number;
  readonly lasts: number;
}

/** Jobs come and faults happen within this time. */
const SPAN_MS = 10_000;

const time = fc.integer({ min: 0, max: SPAN_MS });
const index = fc.nat({ max: 99 });

const host: fc.Arbitrary<Host> = fc.record({
  devices: fc.array(fc.integer({ min: 200, max: 1000 }), { minLength: 1, maxLength: 4 }),
  slots: fc.integer({ min: 1, max: 4 }),
  loadMs: fc.integer({ min: 10, max: 2000 }),
});

const model: fc.Arbitrary<Model> = fc.oneof(
  fc.record({ mib: fc.integer({ min: 20, max: 500 }), divides: fc.boolean() }),
  // Larger than any device, as it may be.
  fc.record({ mib: fc.integer({ min: 400, max: 1500 }), divides: fc.constant(true) }),
);

const task: fc.Arbitrary<Task> = fc.record({
  at: time,
  model: index,
  tenant: fc.nat({ max: 3 }),
  batch: fc.boolean(),
  session: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
  deadline: fc.option(fc.integer({ min: 1, max: 20_000 }), { nil: undefined, freq: 5 }),
  tokensIn: fc.integer({ min: 1, max: 2000 }),
  tokensOut: fc.integer({ min: 1, max: 600 }),
  patient: fc.boolean(),
  poison: fc.option(
    fc.record({
      kind: fc.constantFrom("hang" as const, "crash" as const),
      after: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 100 })),
    }),
    { nil: undefined, freq: 20 },
  ),
});

const fault: fc.Arbitrary<Fault> = fc.record({
  at: time,
  kind: fc.constantFrom(
    ...["cancel", "crash", "hang", "load_fails", "partition", "restart"] as const,
    ...["drain", "reload", "memory_taken", "sleep", "clock_set", "storage"] as const,
    ...["load", "unload", "pin", "takeover"] as const,
  ),
  which: index,
  lasts: fc.integer({ min: 1, max: 8000 }),
});

/** Any run: a few hosts, models, jobs and faults. */
export const scenario: fc.Arbitrary<Scenario> = fc.record({
  policy: fc.record({
    patience: fc.integer({ min: 1, max: 3000 }),
    resident: fc.integer({ min: 1, max: 3000 }),
    yieldAfter: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2000 })),
    ttl: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 3000 })),
    capacity: fc.oneof(fc.constant(1000), fc.integer({ min: 1, max: 20 })),
    preload: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
  }),
  models: fc.array(model, { minLength: 1, maxLength: 5 }),
  hosts: fc.array(host, { minLength: 1, maxLength: 3 }),
  tasks: fc.array(task, { minLength: 1, maxLength: 40, size: "max" }),
  faults: fc.array(fault, { maxLength: 12, size: "max" }),
  latency: fc.integer({ min: 0, max: 50 }),
});
