import { LlorchError } from "#shared/errors.ts";
import type { Output } from "../context.ts";
import { printable } from "#shared/printable.ts";

/**
 * Standard output. Into a pipe or a file goes every byte as it is; on a terminal nothing but text and
 * our own colours.
 */
export function standardOutput(): Output {
  const isTerminal = Deno.stdout.isTerminal();
  return {
    isTerminal,
    write(text) {
      try {
        writeAll(Deno.stdout, isTerminal ? printable(text, { keepsColours: true }) : text);
      } catch (error) {
        throw outputError(error);
      }
    },
    draw: (text) => writeAll(Deno.stdout, text),
  };
}

/** Standard error: for people, so that it is text in a file as well. */
export function standardError(): Output {
  const write = (text: string) => {
    try {
      writeAll(Deno.stderr, text);
    } catch (error) {
      // Nobody hears us; what was to be done can be done all the same.
      if (error instanceof Deno.errors.BrokenPipe) throw error;
    }
  };
  return {
    isTerminal: Deno.stderr.isTerminal(),
    write: (text) => write(printable(text)),
    draw: write,
  };
}

/** Why standard output takes nothing more, and what to do; a reader that has left is no failure. */
export function outputError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof Deno.errors.BrokenPipe) return error;
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
