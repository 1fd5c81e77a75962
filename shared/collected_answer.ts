import type { JobEvent, ToolCall } from "./contracts/mod.ts";

/** An answer put together from the events of its job, as far as they have come. */
export class CollectedAnswer {
  /** The text, without thoughts and calls. */
  text = "";
  /** The model's thinking. */
  reasoning = "";
  /** Whether it satisfies its schemas; undefined if it has not ended, or was not checked. */
  validated: boolean | undefined;
  /** Calls as they grow, by their index. */
  readonly #growing = new Map<number, { id: string; name: string; arguments: string }>();
  /** Calls as the answer's end gives them. */
  #ended: readonly ToolCall[] | undefined;

  /** Adds an event. */
  take(event: JobEvent): void {
    if (event.event === "end") {
      this.#ended = event.data.tool_calls;
      this.validated = event.data.validated;
    }
    if (event.event !== "token") return;
    const { t, channel, call } = event.data;
    if (channel === undefined) this.text += t;
    else if (channel === "reasoning") this.reasoning += t;
    else if (call) {
      const { id = "", name = "" } = call;
      const known = this.#growing.get(call.index) ?? { id, name, arguments: "" };
      known.arguments += t;
      this.#growing.set(call.index, known);
    }
  }

  /** The calls; until the answer has ended, the last one may be a part. */
  get calls(): readonly ToolCall[] {
    return this.#ended ?? [...this.#growing.values()].map(({ id, ...call }) => ({
      id,
      type: "function",
      function: call,
    }));
  }

  /** Whether a call, or a part of one, came before the end. */
  hasStreamed(index: number): boolean {
    return this.#growing.has(index);
  }
}
