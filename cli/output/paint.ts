import { styleText } from "node:util";
import type { Context } from "../context.ts";
import type { Output } from "./output.ts";

/** Colours that our output uses. */
export type Colour = "green" | "yellow" | "red" | "dim";

/** Colours a text, or leaves it as it is. */
export type Paint = (colour: Colour, text: string) => string;

/** Paints for a terminal, unless `NO_COLOR` is set (no-color.org). */
export function painter(output: Output, { env }: Pick<Context, "env">): Paint {
  if (!output.isTerminal || env("NO_COLOR")) return (_, text) => text;
  return (colour, text) => styleText(colour, text, { validateStream: false });
}
