import type { Group } from "../command.ts";
import { dev } from "./dev/mod.ts";

/** Every command of llorch. */
export const commands: Group = {
  kind: "group",
  name: "llorch",
  summary: "Self-hosted LLM inference: develop, check and operate",
  members: [dev],
};
