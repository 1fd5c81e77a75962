import type { Logger } from "#shared/logging.ts";
import { openingOptions } from "./batch/engine_options.ts";
import type { WorkerConfig } from "./config.ts";
import { type EngineThread, livingThreads } from "./engine/libllama/engine_thread.ts";
import { Opening } from "./engine/libllama/opening.ts";
import type { LoadModel } from "./model.ts";

export type { EngineThread } from "./engine/libllama/engine_thread.ts";
export { endProcess } from "./engine/libllama/c/native_functions.ts";
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

/** What a load may begin with. */
export interface HowToBegin {
  /** A thread that is prepared for llama.cpp. */
  readonly thread?: EngineThread;
  readonly log?: Logger;
}

/**
 * How a load begins, for each kind of engine. What goes on with it is loaded meanwhile: it is most of this
 * program.
 */
export type Engines = Readonly<
  Record<WorkerConfig["engine"], (config: WorkerConfig, how?: HowToBegin) => Loading>
>;

/** Every kind of engine. */
export const ENGINES: Engines = {
  llama(config, how) {
    const opening = new Opening(openingOptions(config), true, how);
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
  openai(_config, how) {
    void how?.thread?.close();
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
