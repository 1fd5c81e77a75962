import { samplingShape } from "#shared/contracts/request.ts";
import { UsageError } from "#shared/lifecycle.ts";

/** Sampling options that have a flag of their own. */
const FLAGS: Readonly<Record<string, string>> = {
  temperature: "--temperature",
  seed: "--seed",
};

/** Names of the options that `--option` takes, as `POST /v2/tasks` has them. */
export const OPTION_NAMES: readonly string[] = Object.keys(samplingShape)
  .filter((name) => FLAGS[name] === undefined).sort();

/**
 * Parses texts NAME=VALUE. A value is JSON; one that is not is a text.
 *
 * @throws {UsageError} that names the text and says what would be right
 */
export function readSamplingOptions(given: readonly string[] = []): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const text of given) {
    const at = text.indexOf("=");
    if (at <= 0) {
      throw new UsageError(`--option must be NAME=VALUE, such as top_k=20: found "${text}"`);
    }
    const name = text.slice(0, at);
    const flag = FLAGS[name];
    if (flag !== undefined) throw new UsageError(`--option ${name} is ${flag}`);
    if (!OPTION_NAMES.includes(name)) {
      throw new UsageError(`--option ${name} is not known: options are ${OPTION_NAMES.join(", ")}`);
    }
    if (name in found) throw new UsageError(`--option ${name} is given twice`);
    found[name] = valueOf(text.slice(at + 1));
  }
  return found;
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
