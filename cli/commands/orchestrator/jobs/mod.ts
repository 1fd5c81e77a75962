import { command, type Group } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";
import { LIST_OPTIONS, SUBMIT_OPTIONS, WATCH_OPTIONS } from "../../../jobs/options.ts";
import { JSON_OPTION } from "../../../options.ts";

/** `llorch orchestrator jobs` */
export const jobs: Group = {
  kind: "group",
  name: "jobs",
  summary: "Submit jobs, follow them and cancel them",
  members: [
    command({
      name: "cancel",
      summary: "Cancel jobs, and show how each of them ended",
      arguments: [{ name: "<jobs...>", summary: "Ids of the jobs", values: "jobs" }],
      options: { url: urlOption(ORCHESTRATORD), json: JSON_OPTION },
      examples: [{ line: "orchestrator jobs cancel JOB1 JOB2", summary: "Two at once" }],
      load: async () => (await import("./run.ts")).cancel,
    }),
    command({
      name: "list",
      summary: "List jobs, newest first",
      options: LIST_OPTIONS,
      examples: [
        { line: "orchestrator jobs list", summary: "The newest 50" },
        {
          line: "orchestrator jobs list --status failed -n 5",
          summary: "The last five that failed",
        },
      ],
      load: async () => (await import("./run.ts")).list,
    }),
    command({
      name: "show",
      summary: "Show the history of a job, and its output as long as that is kept",
      arguments: [{ name: "<job>", summary: "Id of the job", values: "jobs" }],
      options: { url: urlOption(ORCHESTRATORD), json: JSON_OPTION },
      examples: [{
        line: "orchestrator jobs show JOB",
        summary: "Its attempts, with the reasons why they ended",
      }],
      load: async () => (await import("./run.ts")).show,
    }),
    command({
      name: "submit",
      summary: "Send a prompt to a model and stream the answer to stdout; Ctrl-C cancels the job",
      arguments: [{ name: "<prompt>", summary: "The text, or - to read it from stdin" }],
      options: SUBMIT_OPTIONS,
      examples: [
        {
          line: 'orchestrator jobs submit --model demo "Once upon a time"',
          summary: "Continue a text",
        },
        {
          line: 'orchestrator jobs submit -m demo --chat "What is llorch?"',
          summary: "Ask a question",
        },
        {
          line: 'orchestrator jobs submit -m gemma --chat "What is on it?" --image photo.jpg',
          summary: "Ask about an image, where the model takes images",
        },
        {
          line: 'orchestrator jobs submit -m ultravox --chat "What is said?" --audio talk.wav',
          summary: "Ask about a sound, where the model hears",
        },
        {
          line: "orchestrator jobs submit -m demo - < story.txt",
          summary: "The prompt from a file",
        },
        {
          line: 'orchestrator jobs submit -m demo "One" --stop Two ten',
          summary: "Stop before either of two texts",
        },
      ],
      load: async () => (await import("./stream.ts")).submit,
    }),
    command({
      name: "watch",
      summary: "Stream a job's text from its beginning to its end; Ctrl-C stops watching",
      arguments: [{ name: "<job>", summary: "Id of the job", values: "jobs" }],
      options: WATCH_OPTIONS,
      examples: [
        { line: "orchestrator jobs watch JOB", summary: "Its text, as it is generated" },
        {
          line: "orchestrator jobs watch JOB --raw",
          summary: "Its events, each as a line of JSON",
        },
      ],
      load: async () => (await import("./stream.ts")).watch,
    }),
  ],
};
