/**
 * The evaluation of the next step while the main thread reads the last one: what it leaves behind must
 * be the same as without it, whatever comes next.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  writeRecurrentModel,
  writeSlidingWindowModel,
} from "../../../../tests/support/arch_models.ts";
import { writeRandomModel } from "../../../../tests/support/models.ts";
import { words } from "../../testing/states.ts";
import { cpuBinaries } from "./c/carried.ts";
import { CONSTANTS } from "./c/abi.ts";
import { addressOf } from "./c/c_values.ts";
import { openLibrary } from "./c/library.ts";
import { Host } from "./thread/host.ts";
import {
  type ChooseOrder,
  type Cut,
  type Orders,
  type PartOrder,
  SHARED_BYTES,
} from "./thread/messages.ts";

const folder = Deno.makeTempDirSync({ prefix: "llorch-models-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const MODELS = {
  plain: join(folder, "plain.gguf"),
  window: join(folder, "window.gguf"),
  recurrent: join(folder, "recurrent.gguf"),
};
writeRandomModel(MODELS.plain);
writeSlidingWindowModel(MODELS.window);
writeRecurrentModel(MODELS.recurrent);

const WINDOW = 32;
const LIBRARIES = cpuBinaries()!;
const { llama } = openLibrary(LIBRARIES);
/** Smaller differences are rounding: the batches have other sizes. */
const EPSILON = 1e-3;

/** A context with two sequences, as the main thread's orders make it. */
class Driven implements Disposable {
  readonly #host = new Host(new SharedArrayBuffer(SHARED_BYTES), () => {});
  readonly #goesAhead: boolean;
  readonly #context: number;
  readonly #chain = addressOf(
    llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params()),
  );

  constructor(model: keyof typeof MODELS, goesAhead: boolean) {
    this.#goesAhead = goesAhead;
    this.call("open", { folder: LIBRARIES, onlyCpu: true, allocates: true });
    const facts = this.call("model", {
      ...{ path: MODELS[model], devices: [], gpuLayers: undefined, split: "layer", ratio: [] },
      overrides: [],
      ...{ mapsFile: true, locksMemory: false, drafts: false },
    });
    this.#context = this.call("context", {
      ...{ model: facts.model, sequences: 2, contextPerSequence: 512, batchSize: 64, outputs: 64 },
      ...{ threads: 1, flashAttention: CONSTANTS.LLAMA_FLASH_ATTN_TYPE_DISABLED },
      ...{ keyType: CONSTANTS.GGML_TYPE_F32, valueType: CONSTANTS.GGML_TYPE_F32 },
      ...{ holdsAll: false, window: model === "window" ? WINDOW : 0, rollback: 0, drafts: 0 },
      shortlists: false,
    }).context;
  }

  call<Name extends keyof Orders>(
    name: Name,
    take: Orders[Name]["take"],
  ): Orders[Name]["answer"] {
    return this.#host.handle({ id: 0, name, take }) as Orders[Name]["answer"];
  }

  /** Takes a step, as the thread does; returns the only chosen token and its logprob for each part. */
  step(parts: readonly Asked[], cuts: readonly Omit<Cut, "context">[] = []) {
    return this.choose(parts, cuts).map((taken) => {
      if ("error" in taken) return taken;
      assert.equal(taken.length, 1);
      return taken[0]!;
    });
  }

  /** Takes a step with guessed tokens; returns all chosen ones of each part. */
  choose(parts: readonly Asked[], cuts: readonly Omit<Cut, "context">[] = []) {
    const context = this.#context;
    const order: Orders["step"]["take"] = {
      ...{ context, forget: [], threads: 1 },
      cuts: cuts.map((cut) => ({ ...cut, context })),
      parts: parts.map(({ guessed = [], ...part }): PartOrder => ({
        ...{ outputs: 1 + guessed.length, adapter: 0, goesOn: guessed.length === 0, ...part },
        tokens: [...part.tokens, ...guessed],
        choose: this.#order(guessed),
      })),
    };
    const results = this.call("step", order);
    if (this.#goesAhead) this.#host.goAhead(order);
    return results.map((result) => {
      if ("error" in result) return result;
      return result.choices.map((choice) => {
        assert.ok("token" in choice && choice.odds);
        return { token: choice.token, logprob: choice.odds.logprob };
      });
    });
  }

  #order(guessed: readonly number[]): ChooseOrder {
    return {
      ...{ chain: this.#chain, remembers: false, grammar: 0, isLazy: false },
      seeds: Array.from({ length: 1 + guessed.length }, () => 0),
      ...{ guessed, odds: 1, isPostSampling: false },
      ...{ after: 0, draws: false, stops: [], fromShortlist: false },
    };
  }

  /** Chooses after a further output of the last step. */
  after(sequence: number, output: number): number[] {
    const take = { context: this.#context, sequence, output, choose: this.#order([]) };
    return this.call("choose", take).map((choice) => {
      assert.ok("token" in choice);
      return choice.token;
    });
  }

  save(sequence: number, path: string): Uint8Array {
    const tokens = new Uint32Array([sequence]);
    const order = { context: this.#context, cuts: [], sequence, path, tokens, checkpoints: [] };
    this.call("save", order);
    return Deno.readFileSync(path);
  }

  [Symbol.dispose](): void {
    this.call("close", {});
  }
}

type Asked =
  & Pick<PartOrder, "sequence" | "position" | "tokens" | "keep">
  & Partial<Pick<PartOrder, "outputs" | "goesOn">>
  & {
    readonly guessed?: readonly number[];
  };
type Taken = ReturnType<Driven["step"]>[number];

const PROMPTS = [[1, ...words(1, 40)], [1, ...words(2, 60)]];

/** Runs a script with and without going ahead; both must choose the same. */
function assertSame(
  model: keyof typeof MODELS,
  script: (driven: Driven) => Taken[],
): void {
  const [plain, ahead] = [false, true].map((goesAhead) => {
    using driven = new Driven(model, goesAhead);
    return script(driven);
  });
  assert.equal(ahead!.length, plain!.length);
  for (const [at, one] of plain!.entries()) {
    const other = ahead![at]!;
    assert.ok("token" in one && "token" in other, `${at}: ${JSON.stringify([one, other])}`);
    assert.equal(other.token, one.token, `choice ${at}`);
    assert.ok(Math.abs(other.logprob - one.logprob) < EPSILON, `logprob ${at}`);
  }
}

/** The prompts, then some tokens of both; returns what was chosen and how long they are. */
function begin(driven: Driven, count = 5): { taken: Taken[]; lengths: number[] } {
  const asked = () => PROMPTS.map((tokens, sequence) => ({ sequence, position: 0, tokens }));
  let last = driven.step(asked());
  const lengths = PROMPTS.map(({ length }) => length);
  const taken = [...last];
  for (let step = 1; step < count; step++) {
    last = driven.step(last.map((choice, sequence) => ({
      ...{ sequence, position: lengths[sequence]!++, tokens: [tokenOf(choice)] },
    })));
    taken.push(...last);
  }
  return { taken, lengths };
}

function tokenOf(taken: Taken): number {
  assert.ok("token" in taken);
  return taken.token;
}

for (const model of ["plain", "window"] as const) {
  Deno.test(`ahead (${model}): what is asked for as expected is taken as it is`, () =>
    assertSame(model, (driven) => begin(driven, 40).taken));

  Deno.test(`ahead (${model}): a sequence that is cut back goes on from there`, () =>
    assertSame(model, (driven) => {
      const { taken, lengths } = begin(driven);
      // The first goes back into its prompt and on with another token; the second as before.
      const cut = PROMPTS[0]!.length - 3;
      const parts = [
        { sequence: 0, position: cut, tokens: words(3, 9) },
        { sequence: 1, position: lengths[1]!, tokens: [tokenOf(taken.at(-1)!)] },
      ];
      const next = driven.step(parts, [{ sequence: 0, from: cut }]);
      const more = driven.step(next.map((choice, sequence) => ({
        ...{ sequence, tokens: [tokenOf(choice)] },
        position: sequence === 0 ? cut + 9 : lengths[1]! + 1,
      })));
      return [...taken, ...next, ...more];
    }));

  Deno.test(`ahead (${model}): another token than the chosen one is evaluated in its place`, () =>
    assertSame(model, (driven) => {
      const { taken, lengths } = begin(driven);
      const other = lengths.map((position, sequence) => ({
        ...{ sequence, position, tokens: words(5 + sequence, 1) },
      }));
      return [...taken, ...driven.step(other)];
    }));

  Deno.test(`ahead (${model}): a sequence that leaves starts again later, while the other goes on`, () =>
    assertSame(model, (driven) => {
      const { taken, lengths } = begin(driven);
      const stays = { sequence: 1, position: lengths[1]!, tokens: [tokenOf(taken.at(-1)!)] };
      const [one] = driven.step([stays]);
      const [two, three] = driven.step([
        { sequence: 1, position: lengths[1]! + 1, tokens: [tokenOf(one!)] },
        { sequence: 0, position: 0, tokens: [1, ...words(4, 30)] },
      ], [{ sequence: 0, from: 0 }]);
      return [...taken, one!, two!, three!];
    }));

  Deno.test(`ahead (${model}): a sequence that left goes on where it was`, () =>
    assertSame(model, (driven) => {
      const { taken, lengths } = begin(driven);
      const parts = taken.slice(-2).map((choice, sequence) => ({
        ...{ sequence, position: lengths[sequence]!, tokens: [tokenOf(choice)] },
      }));
      return [...taken, ...driven.step([parts[1]!]), ...driven.step([parts[0]!])];
    }));

  Deno.test(`ahead (${model}): tokens that are guessed after the expected one are right as far as without`, () => {
    const RIGHT = 3;
    using known = new Driven(model, false);
    const begun = begin(known);
    const said = PROMPTS.map((): number[] => []);
    let last = begun.taken.slice(-2);
    for (let at = 0; at <= RIGHT; at++) {
      last.forEach((choice, sequence) => said[sequence]!.push(tokenOf(choice)));
      last = known.step(last.map((choice, sequence) => ({
        ...{ sequence, position: begun.lengths[sequence]! + at, tokens: [tokenOf(choice)] },
      })));
    }
    assertSame(model, (driven) => {
      const { taken, lengths } = begin(driven);
      // Of one, some guesses are right; of the other, none is.
      const guesses = [[...said[0]!.slice(1), 1], [1, ...said[1]!.slice(2)]];
      const next = driven.choose(
        taken.slice(-2).map((choice, sequence) => ({
          ...{ sequence, position: lengths[sequence]!, tokens: [tokenOf(choice)] },
          guessed: guesses[sequence]!,
        })),
      );
      const chosen = next.map((taken) => {
        assert.ok(Array.isArray(taken));
        return taken;
      });
      assert.deepEqual(chosen.map(({ length }) => length), [1 + RIGHT, 1]);
      const after = chosen.map((choices, sequence) => lengths[sequence]! + choices.length);
      const more = driven.step(
        chosen.map((choices, sequence) => ({
          ...{ sequence, position: after[sequence]!, tokens: [tokenOf(choices.at(-1)!)] },
        })),
        after.map((from, sequence) => ({ sequence, from })),
      );
      return [...taken, ...chosen.flat(), ...more];
    });
  });

  Deno.test(`ahead (${model}): a saved sequence has no token that nobody asked for`, () => {
    const saved = [false, true].map((goesAhead) => {
      using driven = new Driven(model, goesAhead);
      // Alone in its batches, it is computed in the same way both times.
      let [choice] = driven.step([{ sequence: 0, position: 0, tokens: PROMPTS[0]! }]);
      for (let at = 0; at < 5; at++) {
        const position = PROMPTS[0]!.length + at;
        [choice] = driven.step([{ sequence: 0, position, tokens: [tokenOf(choice!)] }]);
      }
      return driven.save(0, join(folder, `slot-${model}-${goesAhead}`));
    });
    assert.equal(saved[1]!.length, saved[0]!.length);
    assert.deepEqual(saved[1], saved[0]);
  });
}

Deno.test("what is chosen one by one after a step is right beside one that could go ahead, and nothing once it is overwritten", () => {
  const tokens = words(8, 40);
  const first = { sequence: 0, position: 0, tokens, outputs: 40, goesOn: false };
  const beside = { sequence: 1, position: 0, tokens: words(9, 5), outputs: 1, goesOn: true };
  const [alone, ahead, twice] = [false, true, true].map((goesAhead, at) => {
    using driven = new Driven("plain", goesAhead);
    // Both do not fit into one batch where both have many outputs.
    driven.choose([first, at < 2 ? beside : { ...first, sequence: 1 }]);
    return [0, 1].map((sequence) => driven.after(sequence, sequence === 0 ? 39 : 0));
  });
  assert.equal(alone![0]!.length, 1);
  assert.deepEqual(ahead, alone);
  assert.deepEqual(twice![0], []);
});

Deno.test("a window without the tokens that a cut needs fails, and works again once it is cleared", () => {
  using driven = new Driven("window", false);
  const long = [1, ...words(1, 400)];
  driven.step([{ sequence: 0, position: 0, tokens: long }]);
  const back = { sequence: 0, position: 100, tokens: words(2, 5) };
  const neighbour = { sequence: 1, position: 0, tokens: PROMPTS[1]! };
  const [failed, other] = driven.step([back, neighbour], [{ sequence: 0, from: 100 }]);
  assert.match(JSON.stringify(failed), /cannot go back to an earlier state/);
  assert.ok("token" in other!);
  assert.ok("error" in driven.step([back])[0]!, "it stays so");
  const begun = { sequence: 0, position: 0, tokens: long.slice(0, 50) };
  const [again] = driven.step([begun], [{ sequence: 0, from: 0 }]);
  using fresh = new Driven("window", false);
  assert.equal(tokenOf(again!), tokenOf(fresh.step([begun])[0]!));
});

Deno.test("a recurrent state goes back to a checkpoint, and to nothing else", () => {
  using driven = new Driven("recurrent", false);
  const tokens = [1, ...words(1, 80)];
  const keep = [{ id: 5, length: 60 }];
  const [first] = driven.step([{ sequence: 0, position: 0, tokens, keep }]);
  const rest = { sequence: 0, position: 60, tokens: tokens.slice(60) };
  const [again] = driven.step([rest], [{ sequence: 0, from: 60, checkpoint: 5 }]);
  assert.equal(tokenOf(again!), tokenOf(first!));
  for (const cut of [{ from: 60 }, { from: 60, checkpoint: 6 }]) {
    const [failed] = driven.step([rest], [{ sequence: 0, ...cut }]);
    assert.match(JSON.stringify(failed), /cannot go back to an earlier state/);
  }
});
