import type { Render } from "./render.ts";

/** How much a model shall think before it answers. */
export type Effort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh";

const HELLO = [{ role: "user", content: "Hello" }];
const PROBE = "probe_effort";

/** Words for an effort, the best first. */
const WORDS: Readonly<Record<Effort, readonly string[]>> = {
  none: ["none", "no_think", "minimal", "low"],
  minimal: ["minimal", "low"],
  low: ["low"],
  medium: ["medium", "high"],
  high: ["high"],
  xhigh: ["xhigh", "max", "high"],
};
/** Words for models whose template writes the word itself into the prompt: they learnt these. */
const LEARNT: Readonly<Record<Effort, string>> = {
  none: "low",
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "high",
};

/**
 * The variables by which templates turn thinking on and off, and up and down. A template that refuses
 * a word gets the nearest that it takes.
 */
export function effortKwargs(render: Render, effort: Effort): Record<string, unknown> {
  const isOn = effort !== "none";
  let kwargs: Record<string, unknown> = {
    enable_thinking: isOn,
    thinking: isOn,
    ...(isOn ? {} : { thinking_budget: 0 }),
  };
  const text = (more: Record<string, unknown>): string | undefined => {
    try {
      return render(HELLO, [], { kwargs: { ...kwargs, ...more } });
    } catch {
      return undefined;
    }
  };
  const choose = (name: string, words: readonly string[]) => {
    const isWritten = text({ [name]: PROBE })?.includes(PROBE);
    const taken = (isWritten ? [LEARNT[effort]] : words)
      .filter((word) => text({ [name]: word }) !== undefined);
    // A word that changes nothing is one that the template does not know.
    const usual = text({ [name]: "high" });
    const word = taken.find((word) => isOn || text({ [name]: word }) !== usual) ?? taken[0];
    if (word !== undefined) kwargs = { ...kwargs, [name]: word };
  };
  choose("reasoning_effort", WORDS[effort]);
  choose("thinking_effort", WORDS[effort]);
  if (text({ thinking_mode: isOn ? "enabled" : "disabled" }) !== undefined) {
    kwargs = { ...kwargs, thinking_mode: isOn ? "enabled" : "disabled" };
  }
  return kwargs;
}
