/**
 * The rooms of each daemon: its folders, and each file at its root. A room may import the rooms named here and
 * nothing else of its daemon. Listed from the ground up: a room names only rooms listed before it, so that
 * there is no circle. A name that ends with `/` is one room with all folders in it.
 */
export type Rooms = Readonly<Record<string, readonly string[]>>;

const orchestratord: Rooms = {
  "console": [],
  "console/web/": [],
  "scheduler": [],
  "store": ["scheduler"],
  "metrics.ts": ["scheduler", "store"],
  "store/rows": ["scheduler", "store"],
  "store/sqlite": ["scheduler", "store", "store/rows"],
  "store/postgres": ["scheduler", "store", "store/rows"],
  "access": ["metrics.ts", "scheduler", "store"],
  "feed": ["metrics.ts", "scheduler"],
  "config.ts": ["access", "scheduler", "store/postgres"],
  "open_store.ts": ["config.ts", "store", "store/postgres", "store/sqlite"],
  "commands": ["access", "config.ts", "open_store.ts", "store/postgres", "store/sqlite"],
  "images": ["config.ts", "metrics.ts", "store"],
  "jobs": ["access", "config.ts", "images", "metrics.ts", "scheduler", "store"],
  "open_streams.ts": ["config.ts"],
  "pools": ["access", "config.ts", "metrics.ts", "scheduler", "store"],
  "cluster": ["store"],
  "effects.ts": ["access", "feed", "jobs", "pools", "scheduler"],
  "service.ts": [
    "access",
    "cluster",
    "config.ts",
    "feed",
    "images",
    "jobs",
    "metrics.ts",
    "open_streams.ts",
    "pools",
    "scheduler",
    "store",
  ],
  "api": ["access", "cluster", "jobs", "scheduler", "service.ts", "store"],
  "api/dialect": ["api", "jobs", "open_streams.ts", "service.ts"],
  "api/anthropic": ["api", "api/dialect", "jobs", "service.ts"],
  "api/ollama": ["api", "api/dialect", "jobs", "scheduler", "service.ts"],
  "api/openai": ["api", "api/dialect", "jobs", "scheduler", "service.ts"],
  "api/llamacpp": ["api", "api/dialect", "api/openai", "jobs", "scheduler", "service.ts"],
  "api/responses": ["api", "api/dialect", "api/openai", "images", "jobs", "service.ts", "store"],
  "api/files": ["api", "service.ts", "store"],
  "api/batches": [
    "api",
    "api/dialect",
    "api/files",
    "api/openai",
    "api/responses",
    "jobs",
    "service.ts",
    "store",
  ],
  "leading.ts": [
    "access",
    "api",
    "api/anthropic",
    "api/batches",
    "api/files",
    "api/llamacpp",
    "api/ollama",
    "api/openai",
    "api/responses",
    "cluster",
    "config.ts",
    "console",
    "effects.ts",
    "feed",
    "images",
    "jobs",
    "metrics.ts",
    "open_store.ts",
    "open_streams.ts",
    "pools",
    "scheduler",
    "service.ts",
    "store",
  ],
  "following.ts": ["access", "api", "cluster", "config.ts", "metrics.ts"],
  "passing.ts": ["cluster", "metrics.ts"],
  "serving.ts": [
    "api",
    "cluster",
    "following.ts",
    "leading.ts",
    "metrics.ts",
    "passing.ts",
    "store",
  ],
  "daemon.ts": [
    "access",
    "cluster",
    "config.ts",
    "following.ts",
    "leading.ts",
    "metrics.ts",
    "open_store.ts",
    "scheduler",
    "serving.ts",
  ],
  "main.ts": ["commands", "config.ts", "daemon.ts", "open_store.ts"],
};

const poolManagerd: Rooms = {
  "address.ts": [],
  "engines.ts": [],
  "instruments.ts": [],
  "system_files.ts": [],
  "config.ts": ["address.ts", "engines.ts"],
  "check_files.ts": ["config.ts"],
  "devices": ["system_files.ts"],
  "link": ["config.ts", "instruments.ts"],
  "models": ["config.ts", "engines.ts"],
  "slots": ["config.ts"],
  "supervisor": [
    "address.ts",
    "config.ts",
    "devices",
    "engines.ts",
    "instruments.ts",
    "models",
    "slots",
    "system_files.ts",
  ],
  "api": ["supervisor"],
  "store": ["models", "supervisor"],
  "app.ts": ["api", "supervisor"],
  "pool_manager.ts": [
    "address.ts",
    "app.ts",
    "config.ts",
    "devices",
    "engines.ts",
    "instruments.ts",
    "link",
    "models",
    "slots",
    "store",
    "supervisor",
  ],
  "main.ts": ["check_files.ts", "config.ts", "pool_manager.ts", "supervisor"],
};

const worker: Rooms = {
  "callback.ts": [],
  "chat/jinja": [],
  "chat": ["chat/jinja"],
  "cores.ts": [],
  "grammar": ["chat"],
  "media": [],
  "orphan_watch.ts": [],
  "own_stack.ts": [],
  "stack.ts": [],
  "tiny_model.ts": [],
  "config.ts": ["cores.ts"],
  "engine": ["chat"],
  "engine/libllama/c": [],
  "engine/libllama/thread": ["engine", "engine/libllama/c"],
  "engine/libllama/text": ["chat", "engine"],
  "engine/libllama/guess": ["engine"],
  "engine/libllama/held": [],
  "answers/reader": ["chat"],
  "answers": ["answers/reader", "chat", "engine", "media"],
  "instruments.ts": ["answers"],
  "model.ts": ["answers", "config.ts", "instruments.ts"],
  "app.ts": ["answers", "model.ts"],
  "engine/libllama": [
    "chat",
    "cores.ts",
    "engine",
    "engine/libllama/c",
    "engine/libllama/guess",
    "engine/libllama/held",
    "engine/libllama/text",
    "engine/libllama/thread",
    "grammar",
    "media",
    "model.ts",
    "stack.ts",
  ],
  "servers": ["answers", "config.ts", "engine", "grammar", "model.ts"],
  "slots": ["engine", "model.ts"],
  "batch": ["answers", "chat", "config.ts", "cores.ts", "engine", "grammar", "model.ts", "slots"],
  "worker.ts": [
    "answers",
    "app.ts",
    "callback.ts",
    "config.ts",
    "instruments.ts",
    "model.ts",
    "orphan_watch.ts",
    "stack.ts",
  ],
  "engines.ts": [
    "batch",
    "config.ts",
    "engine/libllama",
    "engine/libllama/c",
    "model.ts",
    "servers",
  ],
  "estimate.ts": ["batch", "config.ts", "engine/libllama"],
  "standby.ts": ["config.ts", "engines.ts", "tiny_model.ts", "worker.ts"],
  "daemon.ts": [
    "config.ts",
    "engine/libllama",
    "engines.ts",
    "estimate.ts",
    "standby.ts",
    "worker.ts",
  ],
  "main.ts": ["daemon.ts", "engine/libllama", "own_stack.ts"],
};

/** Rooms by part. */
export const ROOMS: Readonly<Record<string, Rooms>> = {
  "daemons/orchestratord": orchestratord,
  "daemons/pool-managerd": poolManagerd,
  "daemons/worker": worker,
};

/** The room of a file of a part: its folder, or the file itself at the part's root. */
export function roomOf(part: string, path: string, rooms: Rooms = ROOMS[part] ?? {}): string {
  const inside = path.slice(part.length + 1);
  const whole = Object.keys(rooms).find((room) => room.endsWith("/") && inside.startsWith(room));
  if (whole !== undefined) return whole;
  const end = inside.lastIndexOf("/");
  return end === -1 ? inside : inside.slice(0, end);
}

/**
 * What is wrong with the list of rooms: a file without a room, a room without a file, or a room that names
 * one that is not listed before it.
 *
 * @param files Production files of the repository.
 * @param all The list of rooms.
 */
export function roomProblems(files: readonly string[], all = ROOMS): string[] {
  return Object.entries(all).flatMap(([part, rooms]) => {
    const found = new Set(
      files.filter((file) => file.startsWith(`${part}/`)).map((file) => roomOf(part, file, rooms)),
    );
    const names = Object.keys(rooms);
    const late = names.flatMap((room, index) =>
      rooms[room]!.filter((other) => !names.slice(0, index).includes(other))
        .map((other) => `${part}: ${room} names ${other}, which is not listed before it`)
    );
    return [
      ...[...found].filter((room) => !Object.hasOwn(rooms, room))
        .map((room) => `${part} has no room ${room}: list it in tools/rooms.ts`),
      ...names.filter((room) => !found.has(room))
        .map((room) => `${part}: the room ${room} of tools/rooms.ts has no file`),
      ...late,
    ];
  });
}

/** Why a file of a part may not import another of it; undefined when it may. */
export function roomReason(part: string, from: string, to: string): string | undefined {
  const rooms = ROOMS[part];
  if (!rooms) return undefined;
  const [room, other] = [roomOf(part, from), roomOf(part, to)];
  const allowed = rooms[room];
  if (!allowed) return `${part} has no room ${room} (tools/rooms.ts)`;
  if (room === other || allowed.includes(other)) return undefined;
  return `${room} may not import ${other} (tools/rooms.ts)`;
}
