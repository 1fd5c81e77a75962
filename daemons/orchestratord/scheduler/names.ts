/**
 * Names that the operator configures: each stands for a model, with parameters and bounds of its own.
 * Everything here is decided from the configuration alone.
 *
 * @module
 */
import { chatShape, SWITCHES } from "#shared/contracts/chat_fields.ts";
import type { NameParameter, NameParameters, TaskRequestInput } from "#shared/contracts/mod.ts";
import type { ErrorCode } from "#shared/errors.ts";

/** A configured name. */
export interface NameSettings {
  /** A model, or another name. */
  readonly target: string;
  /** A model or another name that answers when the target cannot. */
  readonly fallback: string | undefined;
  readonly parameters: NameParameters;
  /** Parameters that a client's own value does not change. */
  readonly fixed: readonly NameParameter[];
  /** Most tokens of a request, prompt and answer together. */
  readonly context: number | undefined;
  /** Whether clients see what it stands for. */
  readonly showTarget: boolean;
}

/** All configured names. */
export type Names = ReadonlyMap<string, NameSettings>;

/** One of the models that may answer a request. */
export interface Choice {
  /** The name under which it answers: the one that was asked for, or the fallback as it is configured. */
  readonly as: string;
  /** The model's own name. */
  readonly model: string;
}

/** What a name means: the models that may answer, and what applies to requests under it. */
export interface Meaning {
  readonly name: string;
  /** Whether it is configured; otherwise it is a model's own name. */
  readonly isConfigured: boolean;
  /** The target, then its fallbacks in turn. */
  readonly choices: readonly [Choice, ...Choice[]];
  readonly parameters: NameParameters;
  readonly fixed: readonly NameParameter[];
  readonly context: number | undefined;
  readonly showTarget: boolean;
}

/** Codes of errors after which a fallback may answer better. */
const FALLS_BACK: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "MODEL_NOT_FOUND",
  "POOL_UNAVAILABLE",
  "INSUFFICIENT_MEMORY",
  "WORKER_START_FAILED",
  "QUEUE_FULL",
]);

/** Whether a request that failed in this way may go on with a fallback. */
export function mayFallBack(code: ErrorCode): boolean {
  return FALLS_BACK.has(code);
}

/**
 * What a name means.
 *
 * 1. A model's own name means that model, and nothing else applies.
 * 2. A configured name means its target. Where the target is a configured name too, what that one sets
 *    applies wherever this one sets nothing; the smaller context counts, and what either fixes is fixed.
 * 3. A fallback only changes the model: parameters and context stay those of the name that was asked for.
 */
export function meaningOf(names: Names, name: string): Meaning {
  const chain = chainOf(names, name, ({ target }) => target);
  const settings = chain.flatMap((each) => names.get(each) ?? []);
  const contexts = settings.flatMap(({ context }) => context ?? []);
  return {
    name,
    isConfigured: settings.length > 0,
    choices: [{ as: name, model: chain.at(-1)! }, ...fallbacksOf(names, settings)],
    parameters: Object.assign({}, ...settings.map(({ parameters }) => parameters).reverse()),
    fixed: [...new Set(settings.flatMap(({ fixed }) => fixed))],
    context: contexts.length > 0 ? Math.min(...contexts) : undefined,
    showTarget: settings.length > 0 && settings.every(({ showTarget }) => showTarget),
  };
}

/** The fallbacks of a name, and theirs. */
function fallbacksOf(names: Names, settings: readonly NameSettings[]): Choice[] {
  const first = settings.find(({ fallback }) => fallback !== undefined)?.fallback;
  if (first === undefined) return [];
  return chainOf(names, first, ({ fallback }) => fallback).map((as) => ({
    as,
    model: chainOf(names, as, ({ target }) => target).at(-1)!,
  }));
}

/** A name and all that it leads to by `next`; stops before a circle would close. */
function chainOf(
  names: Names,
  name: string,
  next: (settings: NameSettings) => string | undefined,
): string[] {
  const chain: string[] = [];
  for (let at: string | undefined = name; at !== undefined && !chain.includes(at);) {
    chain.push(at);
    const settings = names.get(at);
    at = settings && next(settings);
  }
  return chain;
}

/** A name that cannot work, and why. */
export interface NameProblem {
  readonly name: string;
  readonly field: "target" | "fallback";
  readonly message: string;
}

/** Names that lead back to themselves by their targets and fallbacks, or whose fallback is the target. */
export function circles(names: Names): NameProblem[] {
  return [...names].flatMap(([name, settings]) =>
    (["target", "fallback"] as const).flatMap((field) => {
      const to = settings[field];
      if (field === "fallback" && to === settings.target) {
        return [{ name, field, message: "is the target itself" }];
      }
      const way = to === undefined ? undefined : wayBack(names, to, name);
      if (!way) return [];
      const message = way.length === 1 && way[0] === name
        ? "is the name itself"
        : `leads back to ${name}: ${[name, ...way].join(" → ")}`;
      return [{ name, field, message }];
    })
  );
}

/** How a name leads to another one, with both of them; undefined if it does not. */
function wayBack(
  names: Names,
  from: string,
  to: string,
  before: readonly string[] = [],
): string[] | undefined {
  if (from === to) return [...before, to];
  const settings = names.get(from);
  if (!settings || before.includes(from)) return undefined;
  for (const next of [settings.target, settings.fallback]) {
    const way = next === undefined ? undefined : wayBack(names, next, to, [...before, from]);
    if (way) return way;
  }
  return undefined;
}

/** Parameters that a prompt without messages cannot have. */
const OF_CHATS: ReadonlySet<string> = new Set(Object.keys(chatShape));

type Fields = Partial<TaskRequestInput>;

/**
 * The fields of a task with those of its name: where the client gave none, and those that are fixed.
 * Variables of the chat template are taken one by one.
 *
 * @param given Only the fields that the client gave.
 */
export function withParameters(
  given: Fields,
  { parameters, fixed }: Pick<Meaning, "parameters" | "fixed">,
): Fields {
  const fields: Record<string, unknown> = { ...given };
  for (const [name, value] of Object.entries(parameters)) {
    if (OF_CHATS.has(name) && given.messages === undefined) continue;
    const isFixed = fixed.includes(name as NameParameter);
    if (name === "chat_template_kwargs") {
      fields[name] = isFixed
        ? { ...given[name], ...parameters[name] }
        : { ...unsaid(given, parameters[name]), ...given[name] };
    } else if (isFixed || fields[name] === undefined && !saysThinking(given, name)) {
      fields[name] = value;
    }
  }
  return fields;
}

/** Default variables, without those that the client's effort decides. */
function unsaid({ reasoning_effort }: Fields, kwargs: NameParameters["chat_template_kwargs"] = {}) {
  if (reasoning_effort === undefined) return kwargs;
  return Object.fromEntries(Object.entries(kwargs).filter(([name]) => !SWITCHES.includes(name)));
}

/** Whether the client has switched thinking by a variable, so that a default effort does not apply. */
function saysThinking({ chat_template_kwargs: kwargs = {} }: Fields, name: string): boolean {
  return name === "reasoning_effort" && SWITCHES.some((each) => Object.hasOwn(kwargs, each));
}
