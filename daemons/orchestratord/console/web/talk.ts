/** The playground's chat, kept in the memory of this tab: it stays while other pages are shown. */
import { chat, type ChatRequest, type Delta, type Figures, grown, type Message } from "./chat.ts";
import { Store, useStore } from "./store.ts";

/** A chat, and the form's fields. */
export interface Talk {
  readonly messages: readonly Message[];
  /** Names of the models that gave the answers, by the places of these among the messages. */
  readonly authors: Readonly<Record<number, string>>;
  readonly draft: string;
  /** Images and sounds of the next message, as data: URLs. */
  readonly media: readonly string[];
  readonly system: string;
  /** The functions that the model may call, as a JSON list; empty for none. */
  readonly tools: string;
  /** Further sampling options, as a JSON object; empty for none. */
  readonly options: string;
  /** How hard the model thinks; empty for its default. */
  readonly effort: string;
  /** Name of the chosen model; empty for none. */
  readonly picked: string;
  /** Texts of the form's fields; the service's default is used for empty ones. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly isBusy: boolean;
  readonly error?: string | undefined;
  /** Figures of the last answer, which one that was stopped does not have. */
  readonly end?: Figures | "stopped" | undefined;
}

const NONE: Talk = {
  messages: [],
  authors: {},
  draft: "",
  media: [],
  system: "",
  tools: "",
  options: "",
  effort: "",
  picked: "",
  parameters: { max_tokens: "256" },
  isBusy: false,
};

const talk = new Store(NONE);
let answer: AbortController | undefined;

/** The chat; renders again when it changes. */
export const useTalk = (): Talk => useStore(talk, (talk) => talk);

/** Changes fields of the form. */
export function edit(
  part: Partial<
    Pick<
      Talk,
      "draft" | "media" | "system" | "tools" | "options" | "effort" | "picked" | "parameters"
    >
  >,
) {
  talk.change(part);
}

/** Adds images and sounds to the next message. */
export function attach(media: readonly string[]): void {
  talk.change({ media: [...talk.value.media, ...media] });
}

/** Keeps the result of a call while others have none yet. */
export function note(result: Message): void {
  talk.change({ messages: [...talk.value.messages, result], draft: "", media: [] });
}

/** Sends a question and collects the answer, which goes on while another page is shown. */
export async function ask(question: Message, request: ChatRequest): Promise<void> {
  const { signal } = answer = new AbortController();
  const messages = [...talk.value.messages, question];
  const { draft, media } = talk.value;
  const authors = { ...talk.value.authors, [messages.length]: request.model };
  talk.change({
    ...{ messages, authors, draft: "", media: [] },
    ...{ isBusy: true, error: undefined, end: undefined },
  });
  let outcome: Pick<Talk, "error" | "end">;
  try {
    outcome = { end: await chat(request, (delta) => signal.aborted || add(delta), signal) };
  } catch (error) {
    outcome = signal.aborted ? { end: "stopped" } : { error: (error as Error).message };
  }
  // Not after a sign-out: the next person has a chat of their own.
  if (answer?.signal !== signal) return;
  talk.change({ ...outcome, isBusy: false });
  // A question that was refused goes back into the form: sent again with the next, it would be refused again.
  if (outcome.error !== undefined && talk.value.messages.at(-1) === question) {
    talk.change({ messages: talk.value.messages.slice(0, -1), draft, media });
  }
}

function add(delta: Delta): void {
  const { messages } = talk.value;
  const last = messages.at(-1);
  talk.change({
    messages: last?.role === "assistant"
      ? [...messages.slice(0, -1), grown(last, delta)]
      : [...messages, grown({ role: "assistant", content: "" }, delta)],
  });
}

/** Stops the running answer. */
export function stop(): void {
  answer?.abort();
}

/** Begins a new chat with the same settings. */
export function beginChat(): void {
  talk.change({ messages: [], authors: {}, error: undefined, end: undefined });
}

/** Forgets the chat and its settings. */
export function forget(): void {
  answer?.abort();
  answer = undefined;
  talk.set(NONE);
}
