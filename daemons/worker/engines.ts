import { openingOptions } from "./batch/engine_options.ts";
import type { WorkerConfig } from "./config.ts";
import { livingThreads } from "./engine/libllama/engine_thread.ts";
import { Opening } from "./engine/libllama/opening.ts";
import type { LoadModel } from "./model.ts";

/** A load that has begun. */
export interface Loading {
  /** Goes on with it. */
  readonly load: LoadModel;
  /** Ends it instead, and waits for that. */
  abandon(): Promise<void>;
}

/**
 * Whether an engine of this process still computes, or loads: a thread inside C cannot be ended, and
 * the process must not end around it as usual, with the destructors of C.
 */
export function isComputing(): boolean {
  return livingThreads() > 0;
}

/**
 * How a load begins, for each kind of engine. What goes on with it is loaded meanwhile: it is most of this
 * program.
 */
export type Engines = Readonly<
  Record<WorkerConfig["engine"], (config: WorkerConfig) => Loading>
>;

/** Every kind of engine. */
export const ENGINES: Engines = {
  llama(config) {
    const opening = new Opening(openingOptions(config), true);
    void opening.model();
    return {
      async load(config, context) {
        const [{ localModel }, { loadLibllama }] = await Promise.all([
          import("./batch/local_model.ts"),
          import("./engine/libllama/load.ts"),
        ]);
        let isTaken = false;
        const model = localModel((options) => {
          isTaken = true;
          return loadLibllama(options, opening);
        });
        try {
          return await model(config, context);
        } catch (error) {
          if (!isTaken) await opening.abandon();
          throw error;
        }
      },
      abandon: () => opening.abandon(),
    };
  },
  openai: () => ({
    async load(config, context) {
      const { loadOpenai } = await import("./servers/load.ts");
      return await loadOpenai(config, context);
    },
    async abandon() {},
  }),
};
