import { LlorchError } from "#shared/errors.ts";
import { terminalWidth } from "#shared/terminal.ts";
import type { Output } from "./output.ts";
import { printable } from "#shared/printable.ts";

/** The reader of our output has closed it, as after `… | head -1`. This is not a failure. */
export class OutputClosed extends Error {
  constructor(options?: ErrorOptions) {
    super("Nobody reads the output any more", options);
    this.name = "OutputClosed";
  }
}

/**
 * Standard output. A pipe or a file gets every byte unchanged, a terminal only text and our own
 * colours. A write throws {@linkcode OutputClosed} when the reader has closed it.
 */
export function standardOutput(): Output {
  const isTerminal = Deno.stdout.isTerminal();
  return {
    isTerminal,
    width: terminalWidth(Deno.stdout),
    write(text) {
      try {
        writeAll(Deno.stdout, isTerminal ? printable(text, { keepsColours: true }) : text);
      } catch (error) {
        throw outputError(error);
      }
    },
    draw(text) {
      try {
        writeAll(Deno.stdout, text);
      } catch (error) {
        throw outputError(error);
      }
    },
  };
}

/** Standard error: for people, so control characters are made visible in a file, too. */
export function standardError(): Output {
  const write = (text: string) => {
    try {
      writeAll(Deno.stderr, text);
    } catch {
      // Nobody reads standard error; the command can still do its work.
    }
  };
  const isTerminal = Deno.stderr.isTerminal();
  return {
    isTerminal,
    width: terminalWidth(Deno.stderr),
    write: (text) => write(printable(text)),
    draw: write,
  };
}

/**
 * Why standard output cannot be written, and what to do. {@linkcode OutputClosed} when its reader
 * has closed it.
 */
export function outputError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof Deno.errors.BrokenPipe) return new OutputClosed({ cause: error });
  const isFull = /os error (28|122)/.test(error.message);
  const reason = isFull ? "the disk is full" : error.message.replace(/ \(os error \d+\).*$/s, "");
  return new LlorchError(
    "INTERNAL",
    `Cannot write the output: ${reason}; ${isFull ? "make room" : "send it elsewhere"}, then run ` +
      "the same command again",
    { cause: error },
  );
}

function writeAll(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
}
