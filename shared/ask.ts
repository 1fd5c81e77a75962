import { onAbort } from "./aborts.ts";

/** Longest answer that is read, in bytes. */
const MAX_ANSWER = 64;

/** Where a question is shown. */
interface Asking {
  readonly stderr: { write(text: string): void };
  readonly signal: AbortSignal;
}

/**
 * Asks a person at a terminal for yes or no.
 *
 * @param usual What an empty answer means.
 * @throws the reason of the signal's abort, as soon as the person interrupts
 */
export async function ask(
  question: string,
  usual: boolean,
  { stderr, signal }: Asking,
): Promise<boolean> {
  stderr.write(`${question} ${usual ? "[Y/n]" : "[y/N]"} `);
  const answer = new Uint8Array(MAX_ANSWER);
  const length = await unlessInterrupted(Deno.stdin.read(answer), signal);
  // The input has ended without an answer, which counts as no.
  if (length === null) return false;
  const word = new TextDecoder().decode(answer.subarray(0, length)).trim();
  return word === "" ? usual : /^y(es)?$/i.test(word);
}

/** The result of a read, unless interrupted. An interrupted read ends with the process. */
async function unlessInterrupted<T>(read: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const interrupted = Promise.withResolvers<never>();
  const forget = onAbort(signal, () => interrupted.reject(signal.reason));
  try {
    return await Promise.race([read, interrupted.promise]);
  } finally {
    forget();
  }
}
