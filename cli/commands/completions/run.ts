import { EXIT } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { closest } from "#shared/text.ts";
import type { Invocation } from "../../command.ts";
import { completionScript } from "../../completions/scripts.ts";
import { SHELLS, VALUE_KINDS } from "../../completions/shells.ts";
import { namesOf } from "../../completions/values.ts";
import type { Context } from "../../context.ts";

/**
 * `llorch completions`
 *
 * @throws {UsageError} without the name of a shell, or with an unknown one
 */
export async function completions(
  { args, options, root }: Invocation<{ values: string | undefined }>,
  context: Context,
): Promise<number> {
  const { values } = options;
  if (values !== undefined) {
    for (const name of await quietNames(values, context)) context.stdout.write(name + "\n");
    return EXIT.ok;
  }
  const [word] = args;
  const shell = SHELLS.find((each) => each === word);
  if (shell !== undefined) {
    context.stdout.write(completionScript(shell, root));
    return EXIT.ok;
  }
  if (word === undefined) throw new UsageError(`Name a shell: ${SHELLS.join(", ")}`);
  const near = closest(word, SHELLS);
  throw new UsageError(
    `Unknown shell ${word}; ${near ? `did you mean ${near}?` : `known: ${SHELLS.join(", ")}`}`,
  );
}

/** The names of a kind; none on any error, because a message would disturb the line being typed. */
async function quietNames(kind: string, context: Context): Promise<readonly string[]> {
  const found = VALUE_KINDS.find((each) => each === kind);
  if (found === undefined) return [];
  try {
    // deno-lint-ignore no-control-regex -- such a name would disturb the line being typed
    return (await namesOf(found, context)).filter((name) => !/[\u0000-\u001f\u007f]/.test(name));
  } catch {
    return [];
  }
}
