import { createLogger } from "#shared/logging.ts";
import type { AnswerContext } from "../answers/answer.ts";
import { Run, type RunContext, type RunSpec } from "../batch/run.ts";
import { FakeEngine } from "./fake_engine.ts";

/** Dependencies of an answer for tests: no metrics, and an empty queue. */
export function answerContext(options: Partial<AnswerContext> = {}): AnswerContext {
  return {
    observer: { started() {}, token() {}, ended() {} },
    log: createLogger("test"),
    streamBuffer: 64,
    slowReaderMs: 60_000,
    queueDepth: () => 0,
    ...options,
  };
}

/**
 * A run for tests with the prompt `abc`, by default without a token limit and on a
 * {@linkcode FakeEngine}.
 */
export function testRun(spec: Partial<RunSpec> = {}, context: Partial<RunContext> = {}): Run {
  return new Run({
    jobId: "j",
    epoch: 0,
    attempt: 1,
    workerId: "w",
    modelRef: "m",
    resumeIndex: 0,
    seed: 7,
    prompt: tokensOf("abc"),
    resume: [],
    maxTokens: undefined,
    stops: [],
    sampling: { see() {}, replay() {}, forbid() {}, dispose() {} },
    ...spec,
  }, {
    ...answerContext(),
    engine: new FakeEngine(),
    wake() {},
    onEnded() {},
    ...context,
  });
}

/** The tokens of a text for a {@linkcode FakeEngine}. */
export function tokensOf(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}
