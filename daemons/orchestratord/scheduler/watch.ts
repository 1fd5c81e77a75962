import type { Activity } from "#shared/contracts/mod.ts";
import type { Effect, Input, State } from "./state.ts";

/** Something that happened. */
export interface Happened {
  readonly activity: Activity;
  /** Owner of the job that it concerns; undefined where it concerns no job. */
  readonly tenant?: string | undefined;
}

/** Reads the state before a step and returns a function that reads it afterwards and reports what happened. */
export type Watch = (
  before: Readonly<State>,
  input: Input,
) => (after: Readonly<State>, effects: readonly Effect[]) => readonly Happened[];
