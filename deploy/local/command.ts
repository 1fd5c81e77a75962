import type { z } from "zod";
import { type ConfigSpec, loadConfig, processSources } from "#shared/config/load.ts";
import { EXIT } from "#shared/defaults.ts";
import { errorMessage } from "#shared/errors.ts";
import { nextSignal, runMain } from "#shared/lifecycle.ts";
import { VERSION } from "#shared/version.ts";
import type { LogLine } from "./log_view.ts";
import type { UpOptions } from "./options.ts";
import { type LocalStack, startStack } from "./stack.ts";

/** A command around a local stack. */
export interface StackCommand<S extends z.ZodObject, O> extends ConfigSpec<S> {
  /** Mends the options before anything is started. */
  readonly prepare?: (options: O) => O;
  /** What is done with the running stack: it ends then, or stays until a signal. */
  readonly use: (stack: LocalStack, options: O) => Promise<"done" | "stay">;
  /** Once all is ready, show only those lines of the daemons' logs that are warnings or worse. */
  readonly quiet?: boolean;
}

/**
 * Runs a command around a local stack: start it, use it, stay until a signal, stop it. A second
 * signal while it starts or stops ends this process at once.
 *
 * @returns the exit code
 */
export function withStack<S extends z.ZodObject, O extends UpOptions & z.output<S>>(
  command: StackCommand<S, O>,
): Promise<number> {
  const { program, use, prepare = (options: O) => options } = command;
  return runMain(program, async () => {
    const loaded = loadConfig({ ...command, hasFile: false }, processSources(Deno.args));
    if (loaded.kind !== "run") {
      console.log(loaded.kind === "version" ? `${program} ${VERSION}` : loaded.text);
      return EXIT.ok;
    }
    const options = prepare(loaded.config as O);
    const env = (name: string) => Deno.env.get(name);
    let quiet = false;
    const show = ({ text, urgent }: LogLine) => {
      if (urgent || !quiet) console.error(text);
    };

    const interrupted = nextSignal();
    const starting = startStack(options, { env, show });
    const first = await Promise.race([starting, interrupted.promise]);
    if (typeof first === "string") {
      console.error("stopping");
      await starting.then((stack) => stack.close(), () => {});
      return EXIT.interrupted;
    }
    quiet = command.quiet ?? false;
    try {
      const outcome = await Promise.race([use(first, options), interrupted.promise, first.broken]);
      if (outcome === "stay") await Promise.race([interrupted.promise, first.broken]);
      return EXIT.ok;
    } catch (error) {
      console.error(`${program}: ${errorMessage(error)}`);
      return EXIT.failed;
    } finally {
      console.error("stopping");
      await first.close();
      interrupted.dispose();
    }
  });
}
