/** The playground's chat: in this tab's memory, so that it is there after a look at another page. */
import { chat, type ChatRequest, type Figures, type Message } from "./chat.ts";
import { Store, useStore } from "./store.ts";

/** A chat, and what is filled in beside it. */
export interface Talk {
  readonly messages: readonly Message[];
  readonly draft: string;
  readonly system: string;
  /** Name of the model; empty: nobody has chosen one. */
  readonly picked: string;
  /** As they stand in the form: empty means that the service chooses. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly isBusy: boolean;
  readonly error?: string | undefined;
  /** How the last answer went; whoever stopped it has no figures. */
  readonly end?: Figures | "stopped" | undefined;
}

const NONE: Talk = {
  messages: [],
  draft: "",
  system: "",
  picked: "",
  parameters: { max_tokens: "256" },
  isBusy: false,
};

const talk = new Store(NONE);
let answer: AbortController | undefined;

/** The chat, again whenever it changes. */
export const useTalk = (): Talk => useStore(talk, (talk) => talk);

/** Fills something in. */
export function edit(part: Partial<Pick<Talk, "draft" | "system" | "picked" | "parameters">>) {
  talk.change(part);
}

/** Asks, and takes the answer in as it comes; whoever looks elsewhere meanwhile finds it later. */
export async function ask(question: Message, request: ChatRequest): Promise<void> {
  const { signal } = answer = new AbortController();
  const messages = [...talk.value.messages, question];
  talk.change({ messages, draft: "", isBusy: true, error: undefined, end: undefined });
  let outcome: Pick<Talk, "error" | "end">;
  try {
    outcome = { end: await chat(request, (text) => signal.aborted || add(text), signal) };
  } catch (error) {
    outcome = signal.aborted ? { end: "stopped" } : { error: (error as Error).message };
  }
  // Whoever signs in next has a chat of their own.
  if (answer?.signal === signal) talk.change({ ...outcome, isBusy: false });
}

function add(text: string): void {
  const { messages } = talk.value;
  const last = messages.at(-1);
  talk.change({
    messages: last?.role === "assistant"
      ? [...messages.slice(0, -1), { ...last, content: last.content + text }]
      : [...messages, { role: "assistant", content: text }],
  });
}

/** Stops the answer that comes. */
export function stop(): void {
  answer?.abort();
}

/** Begins a new chat with the same settings. */
export function beginAnew(): void {
  talk.change({ messages: [], error: undefined, end: undefined });
}

/** Forgets all of it. */
export function forget(): void {
  answer?.abort();
  answer = undefined;
  talk.set(NONE);
}
