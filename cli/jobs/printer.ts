import { CollectedAnswer } from "#shared/collected_answer.ts";
import type { EndData, ErrorData, TokenData } from "#shared/contracts/events.ts";
import { EXIT } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Context } from "../context.ts";
import { formatDuration } from "#shared/duration.ts";
import { CONTEXT_HINT, retryHint } from "../daemons/failure.ts";
import type { Output } from "../output/output.ts";
import { type Paint, painter } from "../output/paint.ts";
import type { FollowedEvent } from "./follow.ts";
import type { WatchOptions } from "./options.ts";

/** Shows the events of one job as they come. */
export interface Printer {
  /** @throws {LlorchError} for the job's own error, where that is shown as text. */
  show(event: FollowedEvent): void;
  /** The exit code, once the terminal event was shown. */
  exitCode(): number;
}

/** The printer for `--json`, `--raw` and `--quiet`. */
export function printerFor(
  { raw, json, quiet }: WatchOptions,
  jobId: string,
  context: Context,
): Printer {
  if (raw) return rawPrinter(context);
  if (json) return jsonPrinter(jobId, context);
  return textPrinter(jobId, context, quiet);
}

/** Only the answer's text on stdout; thoughts, calls, notes and figures on stderr. */
function textPrinter(jobId: string, context: Context, isQuiet: boolean): Printer {
  const { stdout, stderr } = context;
  const aside = new Aside(context, isQuiet);
  const answer = new CollectedAnswer();
  let last = "\n";
  let attempt = 1;
  let waitMs = 0;
  const finish = () => {
    aside.end();
    if (stdout.isTerminal && !last.endsWith("\n")) stdout.write("\n");
    last = "\n";
  };
  const say = (text: string) => isQuiet || stderr.write(text + "\n");
  const showToken = ({ t, channel, call }: TokenData) => {
    if (channel === undefined) {
      if (t === "") return;
      aside.end();
      last = t;
      stdout.write(t);
      return;
    }
    if (call?.name !== undefined) {
      finish();
      aside.write(`Call of ${call.name}: `);
    }
    aside.write(t);
  };
  return {
    show(event) {
      answer.take(event);
      switch (event.event) {
        case "queued":
          if (event.data.queue_position > 0) say(`${event.data.queue_position} jobs are ahead`);
          return;
        case "started":
          waitMs = event.data.queue_wait_ms;
          return;
        case "token":
          showToken(event.data);
          return;
        case "metrics":
          if (event.data.attempt > attempt) {
            say(`\nAttempt ${event.data.attempt}: the job continues on another worker`);
          }
          attempt = Math.max(attempt, event.data.attempt);
          return;
        case "end":
          finish();
          for (const [index, { function: { name, arguments: given } }] of answer.calls.entries()) {
            if (!answer.hasStreamed(index)) say(`Call of ${name}: ${given}`);
          }
          say(figures(event.data, waitMs, jobId));
          return;
        case "error":
          finish();
          throw jobError(event.data);
      }
    },
    exitCode: () => EXIT.ok,
  };
}

/** Text beside the answer, dim on stderr. */
class Aside {
  readonly #output: Output;
  readonly #paint: Paint;
  readonly #isQuiet: boolean;
  #last = "\n";

  constructor(context: Context, isQuiet: boolean) {
    this.#output = context.stderr;
    this.#paint = painter(context.stderr, context);
    this.#isQuiet = isQuiet;
  }

  write(text: string): void {
    if (this.#isQuiet || text === "") return;
    this.#last = text;
    this.#output.write(this.#paint("dim", text));
  }

  /** Ends its line. */
  end(): void {
    if (!this.#last.endsWith("\n")) this.#output.write("\n");
    this.#last = "\n";
  }
}

/** Each event as a line of JSON, as it comes. */
function rawPrinter({ stdout }: Context): Printer {
  let code: number = EXIT.ok;
  return {
    show(event) {
      stdout.write(JSON.stringify(event) + "\n");
      if (event.event === "error") code = EXIT.failed;
    },
    exitCode: () => code,
  };
}

/** One JSON document at the end. */
function jsonPrinter(job_id: string, { stdout }: Context): Printer {
  let code: number = EXIT.ok;
  const answer = new CollectedAnswer();
  let queue_wait_ms = 0;
  const write = (status: string, more: Record<string, unknown>) => {
    const { text, reasoning } = answer;
    const thoughts = reasoning === "" ? {} : { reasoning };
    stdout.write(
      JSON.stringify({ job_id, status, text, ...thoughts, queue_wait_ms, ...more }) + "\n",
    );
  };
  return {
    show(received) {
      answer.take(received);
      const { event, data } = received;
      if (event === "started") queue_wait_ms = data.queue_wait_ms;
      if (event === "end") write("completed", { ...data, tokens_per_second: rate(data) });
      if (event !== "error") return;
      code = EXIT.failed;
      write(data.code === "CANCELLED" ? "cancelled" : "failed", { error: data });
    },
    exitCode: () => code,
  };
}

/** A job's error as one sentence, with what to do. */
export function jobError({ code, message, retry_after_ms }: ErrorData): LlorchError {
  const hint = code === "CONTEXT_LENGTH_EXCEEDED"
    ? `; ${CONTEXT_HINT}`
    : retry_after_ms === undefined
    ? ""
    : `; ${retryHint(retry_after_ms)}`;
  return new LlorchError(code, message + hint);
}

/** `20 tokens, 350.2 tokens/s, first token after 12 ms, MAX_TOKENS, seed 42, job …`. */
export function figures(end: EndData, waitMs: number, jobId: string): string {
  return [
    end.tokens_out === 1 ? "1 token" : `${end.tokens_out} tokens`,
    ...(end.reasoning_tokens ? [`${end.reasoning_tokens} of them thinking`] : []),
    `${rate(end)} tokens/s`,
    `first token after ${formatDuration(waitMs + end.ttft_ms)}`,
    end.stop_reason,
    ...(end.validated === false ? ["the answer does not satisfy its schema"] : []),
    `seed ${end.seed}`,
    `job ${jobId}`,
  ].join(", ");
}

/** Tokens in each second after the first one, with one digit. */
function rate({ tokens_out, decode_time_ms }: EndData): number {
  if (decode_time_ms === 0) return 0;
  return Math.round(Math.max(0, tokens_out - 1) * 10_000 / decode_time_ms) / 10;
}
