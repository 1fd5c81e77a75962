import { createHash } from "node:crypto";
import type { ModelView, NameView } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import { defined } from "#shared/json.ts";
import type { Loop } from "../scheduler/loop.ts";
import { type Meaning, meaningOf } from "../scheduler/names.ts";
import { modelViews } from "../scheduler/views.ts";
import { shownName } from "#shared/models/shown_name.ts";
import { checkModelName, isFile, seesPaths } from "./hide_paths.ts";

/** A model under the one name by which lists of other vendors show it. */
export interface ShownModel {
  readonly name: string;
  readonly view: ModelView;
  /** What the name means, if the operator configured it. */
  readonly meaning: Meaning | undefined;
}

type Names = Pick<Loop, "state" | "isServed" | "resolveChoice">;

/**
 * Every model once, by name, and every configured name that has a model. A model that only a path names is
 * shown to who may see paths.
 */
export function shownModels(loop: Names, caller: Caller | undefined): ShownModel[] {
  const { names } = loop.state.policy;
  const views = modelViews(loop.state);
  const models = views.flatMap((view): ShownModel[] => {
    const name = nameOf(view, names) ?? (seesPaths(caller) ? view.model_ref : undefined);
    return name === undefined ? [] : [{ name, view, meaning: undefined }];
  });
  const named = [...names.keys()].flatMap((name): ShownModel[] => {
    const meaning = meaningOf(names, name);
    const { fingerprint } = answering(loop, meaning) ?? {};
    const view = views.find((each) => each.fingerprint === fingerprint);
    return view ? [{ name, view: seenAs(meaning, view, caller), meaning }] : [];
  });
  return [...models, ...named].sort((one, other) => (one.name < other.name ? -1 : 1));
}

/**
 * The model that a client means, as lists show it; undefined if they do not.
 *
 * @throws {LlorchError} as {@linkcode Loop.resolve}
 */
export function shownModel(
  loop: Names & Pick<Loop, "meaning">,
  name: string,
  caller: Caller | undefined,
): ShownModel | undefined {
  checkModelName(caller, name);
  const meaning = loop.meaning(name);
  const shown = shownModels(loop, caller);
  if (meaning.isConfigured) {
    const found = shown.find((each) => each.meaning && each.name === meaning.name);
    if (found) return found;
  }
  const { fingerprint } = loop.resolveChoice(meaning, meaning.choices[0], seesPaths(caller));
  return shown.find(({ view, meaning }) => !meaning && view.fingerprint === fingerprint);
}

/** What a model can do, in Ollama's words. */
export function capabilitiesOf({ facts, vision, audio }: ModelView): string[] {
  return [
    ...facts?.skills ?? ["completion"],
    ...(vision ? ["vision"] : []),
    ...(audio ? ["audio"] : []),
  ];
}

/**
 * Tokens that a request may have: those of the model's largest worker, or of its next load.
 *
 * @param workers Those that have the model now.
 */
export function contextOf(
  { view, meaning }: ShownModel,
  workers: readonly { readonly context: number }[],
): number {
  const loaded = Math.max(0, ...workers.map(({ context }) => context));
  const context = loaded || (view.default_context ?? view.context_length);
  return Math.min(context, meaning?.context ?? Infinity);
}

/** Every configured name, as `GET /v2/models` shows it to a caller. */
export function nameViews(loop: Names, caller: Caller | undefined): NameView[] {
  const { names } = loop.state.policy;
  return [...names].map(([name, settings]) => {
    const { target, fallback, parameters, fixed, showTarget: show_target } = settings;
    const meaning = meaningOf(names, name);
    const found = answering(loop, meaning);
    const sees = seesPaths(caller);
    return {
      name,
      ...(sees || meaning.showTarget
        ? { target, ...defined({ fallback, answers: found?.model }) }
        : {}),
      ...(sees ? { parameters, fixed: [...fixed], show_target } : {}),
      ...defined({ context: meaning.context }),
      available: found !== undefined && loop.isServed(found.fingerprint),
    };
  });
}

/** The model that answers requests under a name now: of its choices, the first in service, or that is there. */
function answering(
  loop: Names,
  meaning: Meaning,
): { readonly model: string; readonly fingerprint: string } | undefined {
  const there = meaning.choices.flatMap((choice) => {
    try {
      const { fingerprint } = loop.resolveChoice(meaning, choice, true);
      return [{ model: choice.model, fingerprint }];
    } catch (error) {
      if (error instanceof LlorchError) return [];
      throw error;
    }
  });
  return there.find(({ fingerprint }) => loop.isServed(fingerprint)) ?? there[0];
}

/** A name's model, without what would tell which one it is if the caller may not see that. */
function seenAs(meaning: Meaning, view: ModelView, caller: Caller | undefined): ModelView {
  const context_length = Math.min(view.context_length, meaning.context ?? Infinity);
  if (seesPaths(caller) || meaning.showTarget) return { ...view, context_length };
  const { facts } = view;
  return {
    ...view,
    context_length,
    model_ref: meaning.name,
    aliases: [meaning.name],
    ambiguous_aliases: [],
    fingerprint: createHash("sha256").update(meaning.name).digest("hex"),
    architecture: "",
    size_bytes: 0,
    ...(facts
      ? { facts: { skills: facts.skills, parameters: 0, modified_at: new Date(0).toISOString() } }
      : {}),
  };
}

/** Its name that is no path, names no other model, and is not configured for something else. */
function nameOf(model: ModelView, names: ReadonlyMap<string, unknown>): string | undefined {
  const isOwn = (name: string) => !model.ambiguous_aliases.includes(name) && !names.has(name);
  const name = shownName(model, isOwn);
  return model.aliases.includes(name) && !isFile(name) && isOwn(name) ? name : undefined;
}
