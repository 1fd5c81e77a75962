/**
 * Writes what llama.cpp says of models to stdout, as JSON: an array of {@linkcode Facts} for the paths
 * that it is given. A process of its own, since only one may load llama.cpp in this way.
 *
 * @module
 */
import { NativeContext, NativeModel } from "./native_llama.ts";
import { MIN_VOCABULARY } from "./vocabulary.ts";

/** What llama.cpp says of a model. */
export interface Facts {
  readonly isHybrid: boolean;
  readonly isRecurrent: boolean;
  readonly window: number;
  readonly draftLayers: number;
  /** Whether the last token of a batch of 16 can be removed, by the states kept to go back to. */
  readonly cutsBack: { readonly without: boolean; readonly withFour: boolean };
  /** Tokens that follow a prompt. */
  readonly greedy: readonly number[];
  /** The same with drafts, where the model can make them. */
  readonly drafted?: Drafted;
}

/** Tokens that were made with drafts. */
export interface Drafted {
  readonly tokens: readonly number[];
  /** Drafts of a round that were right, for each round. */
  readonly accepted: readonly number[];
}

const PROMPT = Array.from({ length: 16 }, (_, at) => MIN_VOCABULARY + (at * 37) % 200);
const TOKENS = 40;
const DRAFTS = 3;

function factsOf(path: string): Facts {
  using model = new NativeModel(path);
  const { isHybrid, isRecurrent, window, draftLayers } = model;
  const cutsBack = { without: canCutBack(model, 0), withFour: canCutBack(model, 4) };
  const facts = { isHybrid, isRecurrent, window, draftLayers, cutsBack, greedy: greedy(model) };
  return draftLayers === 0 ? facts : { ...facts, drafted: withDrafts(model) };
}

function canCutBack(model: NativeModel, rollback: number): boolean {
  using context = new NativeContext(model, { rollback });
  context.decode(PROMPT, 0);
  return context.cutBack(PROMPT.length - 1);
}

function greedy(model: NativeModel): number[] {
  using context = new NativeContext(model);
  context.decode(PROMPT, 0);
  const tokens = [context.best(PROMPT.length - 1)];
  while (tokens.length < TOKENS) {
    context.decode([tokens.at(-1)!], PROMPT.length + tokens.length - 1);
    tokens.push(context.best(0));
  }
  return tokens;
}

/** Drafts as `common_speculative_impl_draft_mtp` of llama.cpp does, with one layer that drafts. */
function withDrafts(model: NativeModel): Drafted {
  using target = new NativeContext(model, { rollback: DRAFTS });
  using drafter = new NativeContext(model, { draftsFor: target });
  target.keepDraftStates("all");
  drafter.keepDraftStates("with logits");
  /** Hidden state of the last token that counts. */
  let state: Float32Array = new Float32Array(model.width);
  /** Decodes in both contexts; the one that drafts takes states one token late. */
  const decode = (tokens: readonly number[], position: number) => {
    target.decode(tokens, position);
    const states = tokens.map((_, at) => target.draftState(at));
    drafter.decode(tokens, position, [state, ...states.slice(0, -1)]);
    return states;
  };
  state = decode(PROMPT, 0).at(-1)!;
  const tokens = [target.best(PROMPT.length - 1)];
  const accepted: number[] = [];
  let position = PROMPT.length;
  while (tokens.length < TOKENS) {
    const drafts = draft(drafter, tokens.at(-1)!, position, state);
    assertCut(drafter.cutBack(position));
    const states = decode([tokens.at(-1)!, ...drafts], position);
    let right = 0;
    while (right < DRAFTS && drafts[right] === target.best(right)) right++;
    tokens.push(...drafts.slice(0, right), target.best(right));
    accepted.push(right);
    position += 1 + right;
    state = states[right]!;
    if (right < DRAFTS) assertCut(target.cutBack(position) && drafter.cutBack(position));
  }
  return { tokens: tokens.slice(0, TOKENS), accepted };
}

function draft(
  drafter: NativeContext,
  last: number,
  position: number,
  state: Float32Array,
): number[] {
  const drafts: number[] = [];
  let [token, before] = [last, state];
  while (drafts.length < DRAFTS) {
    drafter.decode([token], position + drafts.length, [before]);
    [token, before] = [drafter.best(0), drafter.draftState(0)];
    drafts.push(token);
  }
  return drafts;
}

function assertCut(done: boolean): void {
  if (!done) throw new Error("Cannot take drafts back");
}

console.log(JSON.stringify(Deno.args.map(factsOf)));
