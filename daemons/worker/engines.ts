import { openingOptions } from "./batch/engine_options.ts";
import type { WorkerConfig } from "./config.ts";
import { type EngineThread, livingThreads } from "./engine/libllama/engine_thread.ts";
import { Opening } from "./engine/libllama/opening.ts";
import type { LoadModel } from "./model.ts";

export type { EngineThread } from "./engine/libllama/engine_thread.ts";
export { openAhead } from "./engine/libllama/opening.ts";

/** A load that has begun. */
export interface Loading {
  /** Resolves once the model's file is being read, or cannot be: until then, this thread is needed. */
  readonly begun: Promise<void>;
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
 * How a load begins, for each kind of engine, perhaps in a thread that is prepared for llama.cpp. What goes on with it is loaded meanwhile: it is most of this
 * program.
 */
export type Engines = Readonly<
  Record<WorkerConfig["engine"], (config: WorkerConfig, thread?: EngineThread) => Loading>
>;

/** Every kind of engine. */
export const ENGINES: Engines = {
  llama(config, thread) {
    const opening = new Opening(openingOptions(config), true, thread);
    void opening.context();
    return {
      begun: opening.libraries.then(() => {}, () => {}),
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
  openai(_config, thread) {
    void thread?.close();
    return {
      begun: Promise.resolve(),
      async load(config, context) {
        const { loadOpenai } = await import("./servers/load.ts");
        return await loadOpenai(config, context);
      },
      async abandon() {},
    };
  },
};
