import type { Activity } from "#shared/contracts/mod.ts";
import type { Effect, Input, State } from "./state.ts";

/** Something that happened, and to whose job; undefined: to nobody's in particular. */
export interface Happened {
  readonly activity: Activity;
  readonly tenant?: string | undefined;
}

/** Looks at the state before a step, and gives what tells of the step once it is made. */
export type Watch = (
  before: Readonly<State>,
  input: Input,
) => (after: Readonly<State>, effects: readonly Effect[]) => readonly Happened[];
