import { Template } from "../../../daemons/worker/chat/jinja/template.ts";
import { fromJs } from "../../../daemons/worker/chat/jinja/json.ts";
import type { Render } from "../../../daemons/worker/chat/render.ts";

const NOW = new Date("2026-01-02T03:04:05Z");

/** Renders a real template, without tokens of begin and end, as llama.cpp's tests do. */
export function renderer(source: string): Render {
  const template = new Template(source, { now: () => NOW });
  return (turns, tools, { addGenerationPrompt = true, kwargs = {} } = {}) =>
    template.render(
      Object.entries({
        messages: turns,
        ...(tools.length > 0 ? { tools } : {}),
        add_generation_prompt: addGenerationPrompt,
        bos_token: "",
        eos_token: "",
        // Some templates want what transformers does not give; llama.cpp does.
        functions: JSON.stringify(tools),
        datetime: NOW.toUTCString(),
        ...kwargs,
      }).map(([name, value]) => [name, fromJs(value)] as const),
    );
}

/** What a template's vocabulary has as control tokens, as far as its own text shows them. */
export function controlTokens(source: string): string[] {
  const found = source.match(
    /<\|[^|<>\s'"{}]+\|?>|<[^|<>\s'"{}/]+\|>|<｜[^｜<>\s'"{}]+｜>|\]<\]\w+\[>\[/g,
  );
  return [...new Set(found)].filter((text) => !text.includes("DSML"));
}
