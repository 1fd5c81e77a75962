import { type Command, JSON_OPTION, QUIET_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";
import { RAW_OPTION } from "./raw_option.ts";

/** `llorch orchestrator jobs submit` */
export const submit: Command = {
  kind: "command",
  name: "submit",
  summary: "Ask a model something and stream its answer to stdout; Ctrl-C cancels the job",
  arguments: [{ name: "<prompt>", summary: "The text, or - to read it from stdin" }],
  options: [
    { flags: "-m, --model <model>", summary: "The model (needed)", values: "models" },
    {
      flags: "--chat",
      summary: "The prompt is a person's message: the model's chat template goes around it",
    },
    { flags: "-n, --max-tokens <count>", summary: "Tokens to generate at most" },
    { flags: "-t, --temperature <number>", summary: "0 always takes the most probable token" },
    { flags: "--seed <number>", summary: "The same seed gives the same answer" },
    {
      flags: "--stop <text...>",
      summary: "Ends before any of these; write them behind the prompt",
    },
    {
      flags: "--priority <class>",
      summary: "interactive (default) or batch",
      values: ["interactive", "batch"],
    },
    { flags: "--detach", summary: "Do not wait: print the job's id" },
    { flags: "--idempotency-key <key>", summary: "The same key and task give the same job" },
    urlOption(ORCHESTRATORD),
    JSON_OPTION,
    RAW_OPTION,
    QUIET_OPTION,
  ],
  examples: [
    {
      line: 'orchestrator jobs submit --model demo "Once upon a time"',
      summary: "Go on from that",
    },
    {
      line: 'orchestrator jobs submit -m demo --chat "What is llorch?"',
      summary: "Ask a question",
    },
    { line: "orchestrator jobs submit -m demo - < story.txt", summary: "The prompt from a file" },
    { line: 'orchestrator jobs submit -m demo "One" --stop Two ten', summary: "With stop texts" },
  ],
  load: () => import("./submit_run.ts"),
};
