import { ask } from "#shared/ask.ts";
import { EXIT } from "#shared/defaults.ts";
import { findExecutable } from "#shared/executables.ts";
import { isRecord, parseJson } from "#shared/json.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { runInForeground, runProgram, type RunResult } from "#shared/run_program.ts";

/** How a download is offered. */
export interface Offer {
  /** Folder that it goes to. */
  readonly dir: string;
  /** Whether the person has agreed already. */
  readonly isYes: boolean;
  readonly say: (text: string) => void;
  /** Ends the question and the download. */
  readonly signal: AbortSignal;
}

/** Dependencies of {@linkcode offerDownload}. */
export interface OfferDeps {
  /** Runs `llorch` and collects its output. */
  readonly query: (args: readonly string[]) => Promise<RunResult>;
  /** Runs `llorch` with its progress on our terminal; resolves to its exit code. */
  readonly run: (args: readonly string[]) => Promise<number>;
  readonly isTerminal: boolean;
  readonly ask: (question: string) => Promise<boolean>;
}

/**
 * Offers to download a model of the catalog, as `llorch models download` does.
 *
 * @returns whether it was downloaded; false if the catalog does not have it, or the person does not want it
 * @throws {UsageError} with the command if nobody can be asked
 * @throws {Error} if the download fails
 */
export async function offerDownload(
  model: string,
  offer: Offer,
  deps: OfferDeps = systemDeps(offer),
): Promise<boolean> {
  const { dir, isYes, say } = offer;
  const { code, stdout } = await deps.query(["models", "info", model, "--json"]);
  const facts = code === EXIT.ok ? parseJson(stdout) : undefined;
  if (!isRecord(facts) || facts["installed"] !== false || !facts["reference"]) return false;
  const bytes = Number(facts["size_bytes"]);
  const size = bytes > 0 ? ` (${(bytes / 2 ** 30).toFixed(1)} GiB)` : "";
  const command = `llorch models download ${model} --dir ${dir}`;
  if (!isYes && !deps.isTerminal) {
    throw new UsageError(
      `Cannot find the model "${model}" in ${dir}: ${command} fetches it${size}, or give --yes`,
    );
  }
  const question = `The model "${model}" is not on this machine. Download it${size} to ${dir}?`;
  if (!isYes && !await deps.ask(question)) return false;
  say(command);
  const ended = await deps.run(["models", "download", model, "--dir", dir]);
  if (ended !== EXIT.ok) throw new Error(`Cannot download "${model}": ${command} failed`);
  return true;
}

function systemDeps({ signal }: Offer): OfferDeps {
  const llorch = findExecutable("llorch");
  const withArgs = (args: readonly string[]) => ({ ...llorch, args: [...llorch.args, ...args] });
  const stderr = { write: (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text)) };
  return {
    query: (args) => runProgram(withArgs(args), { signal }),
    // Our standard output may be read as JSON.
    run: (args) => runInForeground(withArgs(args), { stdout: "null" }),
    isTerminal: Deno.stdin.isTerminal() && Deno.stderr.isTerminal(),
    ask: (question) => ask(question, true, { stderr, signal }),
  };
}
