/** Placeholders of an external engine's command, written in braces, with their meanings. */
export const ENGINE_PLACEHOLDERS = {
  model: "the GGUF file's path, or the name of a model without one",
  host: "the address that the engine must bind to",
  port: "the port that the engine must listen on",
  context: "tokens per slot",
  total_context: "tokens of all slots together",
  slots: "requests that run side by side",
  threads: "CPU threads",
  gpu_layers: "layers to keep on the GPU; 999 for all, 0 on the CPU",
} as const;

/** Name of a placeholder. */
export type EnginePlaceholder = keyof typeof ENGINE_PLACEHOLDERS;

const PLACEHOLDER = /\{([a-z_]+)\}/g;

/** The first unknown placeholder in a command's arguments; undefined if there is none. */
export function unknownPlaceholder(words: readonly string[]): string | undefined {
  return words.flatMap((word) => [...word.matchAll(PLACEHOLDER)].map(([, name]) => name!))
    .find((name) => !Object.hasOwn(ENGINE_PLACEHOLDERS, name));
}

/**
 * Replaces the placeholders of a command; other text in braces is kept.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { fillCommand } from "#shared/engine_command.ts";
 *
 * const values = { model: "m", host: "h", port: 1, context: 2, total_context: 4, slots: 2, threads: 1, gpu_layers: 0 };
 * assert.deepEqual(fillCommand(["serve", "{model}", "-c={context}"], values), ["serve", "m", "-c=2"]);
 * ```
 */
export function fillCommand(
  words: readonly string[],
  values: Readonly<Record<EnginePlaceholder, string | number>>,
): string[] {
  return words.map((word) =>
    word.replace(
      PLACEHOLDER,
      (all, name) => Object.hasOwn(values, name) ? String(values[name as EnginePlaceholder]) : all,
    )
  );
}
