import type { z } from "zod";
import { type ConfigSpec, loadConfig, processSources } from "#shared/config/load.ts";
import { EXIT } from "#shared/defaults.ts";
import { errorMessage } from "#shared/errors.ts";
import { nextSignal, runMain } from "#shared/lifecycle.ts";
import { VERSION } from "#shared/version.ts";
import type { UpOptions } from "./options.ts";
import { type LocalStack, startStack } from "./stack.ts";

/** What a command does with the running stack; it may end before a signal comes. */
type Use<O> = (stack: LocalStack, options: O) => Promise<"done" | "stay">;

/**
 * Runs a command around a local stack: start it, use it, stay until a signal, stop it. A second
 * signal while it starts or stops ends this process at once.
 *
 * @returns the exit code
 */
export function withStack<S extends z.ZodObject, O extends UpOptions & z.output<S>>(
  spec: ConfigSpec<S>,
  prepare: (options: O) => O,
  use: Use<O>,
): Promise<number> {
  return runMain(spec.program, async () => {
    const loaded = loadConfig({ ...spec, hasFile: false }, processSources(Deno.args));
    if (loaded.kind !== "run") {
      console.log(loaded.kind === "version" ? `${spec.program} ${VERSION}` : loaded.text);
      return EXIT.ok;
    }
    const options = prepare(loaded.config as O);
    const env = (name: string) => Deno.env.get(name);
    const show = (line: string) => console.error(line);

    const interrupted = nextSignal();
    const starting = startStack(options, { env, show });
    const first = await Promise.race([starting, interrupted.promise]);
    if (typeof first === "string") {
      show("stopping");
      await starting.then((stack) => stack.close(), () => {});
      return EXIT.interrupted;
    }
    try {
      const outcome = await Promise.race([use(first, options), interrupted.promise, first.broken]);
      if (outcome === "stay") await Promise.race([interrupted.promise, first.broken]);
      return EXIT.ok;
    } catch (error) {
      console.error(`${spec.program}: ${errorMessage(error)}`);
      return EXIT.failed;
    } finally {
      show("stopping");
      await first.close();
      interrupted.dispose();
    }
  });
}
