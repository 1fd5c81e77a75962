import type { Group } from "../command.ts";
import { build } from "./build/mod.ts";
import { completions } from "./completions/mod.ts";
import { config } from "./config/mod.ts";
import { dev } from "./dev/mod.ts";
import { git } from "./git/mod.ts";
import { models } from "./models/mod.ts";
import { orchestrator } from "./orchestrator/mod.ts";
import { poolManager } from "./pool-manager/mod.ts";
import { remote } from "./remote/mod.ts";
import { test } from "./test/mod.ts";
import { worker } from "./worker/mod.ts";

/** Every command of llorch. */
export const commands: Group = {
  kind: "group",
  name: "llorch",
  summary: "Self-hosted LLM inference: develop, check and operate",
  members: [
    build,
    completions,
    config,
    dev,
    git,
    models,
    orchestrator,
    poolManager,
    remote,
    test,
    worker,
  ],
};
