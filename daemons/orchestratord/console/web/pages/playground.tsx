import type { ModelView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { useEffect, useRef, useState } from "preact/hooks";
import { chat, type ChatRequest, type Figures, type Message } from "../chat.ts";
import { useFetch } from "../hooks.ts";
import { Code } from "../parts/copy.tsx";
import { LANGUAGES, snippet } from "../snippets.ts";

/** Parameters as they stand in the form: empty means that the service chooses. */
const PARAMETERS = [
  { name: "temperature", label: "Temperature", min: 0, max: 2, step: 0.1 },
  { name: "top_p", label: "Top p", min: 0.01, max: 1, step: 0.01 },
  { name: "max_tokens", label: "Tokens at most", min: 1, max: 100_000, step: 1 },
  { name: "seed", label: "Seed", min: 0, max: 2 ** 31, step: 1 },
] as const;

/** A chat with a model. */
export function PlaygroundPage() {
  const { value } = useFetch<{ models: readonly ModelView[] }>("/v2/models");
  const [picked, pick] = useState("");
  const [system, setSystem] = useState("");
  const [parameters, setParameters] = useState<Readonly<Record<string, string>>>({
    max_tokens: "256",
  });
  const [messages, setMessages] = useState<readonly Message[]>([]);
  const [draft, setDraft] = useState("");
  const talk = useTalk(setMessages);
  const models = value?.models ?? [];
  const model = picked || nameOf(models.find(({ loaded }) => loaded) ?? models[0]);
  const turns: Message[] = [
    ...(system.trim() === "" ? [] : [{ role: "system" as const, content: system }]),
    ...messages,
  ];
  const requestOf = (messages: readonly Message[]): ChatRequest => ({
    model,
    messages,
    ...Object.fromEntries(
      Object.entries(parameters).filter(([, text]) => text.trim() !== "")
        .map(([name, text]) => [name, Number(text)]),
    ),
  });
  const ask = () => {
    if (draft.trim() === "" || model === "" || talk.isBusy) return;
    const question: Message = { role: "user", content: draft };
    setMessages([...messages, question]);
    setDraft("");
    talk.start(requestOf([...turns, question]));
  };
  const shown = draft.trim() === "" && messages.length > 0
    // The code is for what was asked last, not for its answer.
    ? turns.slice(0, turns.findLastIndex(({ role }) => role === "user") + 1)
    : [...turns, { role: "user" as const, content: draft || "Hello" }];
  return (
    <div class="playground">
      <section aria-label="Chat" class="chat">
        <div
          class="thread"
          role="log"
          aria-label="Conversation"
          aria-busy={talk.isBusy}
          tabIndex={0}
        >
          {messages.length === 0 && <p class="empty">Ask something. Nothing of it is kept here.</p>}
          {messages.map(({ role, content }, index) => (
            <div key={index} class={`turn ${role}`}>
              <span class="role">{role === "user" ? "You" : model}</span>
              <p>
                {role === "assistant" ? content.trimStart() : content}
                {talk.isBusy && role === "assistant" && index === messages.length - 1 && (
                  <span class="cursor" />
                )}
              </p>
            </div>
          ))}
        </div>
        {talk.error && <p class="bad-text" role="alert">{talk.error}</p>}
        <p class="dim small figures" role="status">{talk.figures && wordsOf(talk.figures)}</p>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            ask();
          }}
        >
          <label class="sr" for="draft">Message</label>
          <textarea
            id="draft"
            rows={3}
            value={draft}
            placeholder="Message; Enter sends, Shift+Enter begins a line"
            onInput={(event) => setDraft(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
              event.preventDefault();
              ask();
            }}
          />
          <div class="actions">
            {talk.isBusy
              ? <button type="button" class="danger" onClick={talk.stop}>Stop</button>
              : (
                <button
                  type="submit"
                  class="primary"
                  disabled={draft.trim() === "" || model === ""}
                >
                  Send
                </button>
              )}
            <button
              type="button"
              disabled={talk.isBusy || messages.length === 0}
              onClick={() => setMessages([])}
            >
              Begin anew
            </button>
          </div>
        </form>
      </section>
      <section aria-label="Settings" class="settings">
        <label>
          Model
          <select value={model} onChange={(event) => pick(event.currentTarget.value)}>
            {models.map((each) => (
              <option key={each.fingerprint} value={nameOf(each)}>
                {nameOf(each)}
                {each.loaded ? "" : " (loaded when asked)"}
              </option>
            ))}
          </select>
        </label>
        <label>
          System
          <textarea
            rows={2}
            value={system}
            onInput={(event) => setSystem(event.currentTarget.value)}
          />
        </label>
        <div class="two">
          {PARAMETERS.map(({ name, label, ...bounds }) => (
            <label key={name}>
              {label}
              <input
                type="number"
                {...bounds}
                placeholder="default"
                value={parameters[name] ?? ""}
                onInput={(event) =>
                  setParameters({ ...parameters, [name]: event.currentTarget.value })}
              />
            </label>
          ))}
        </div>
        <Snippets request={requestOf(shown)} />
      </section>
    </div>
  );
}

const nameOf = (model: ModelView | undefined) =>
  model?.aliases.toSorted((a, b) => a.length - b.length)[0] ?? model?.model_ref ?? "";

function wordsOf({ tokens, firstMs, tookMs, reason }: Figures): string {
  const rate = tookMs > firstMs
    ? Math.round(10_000 * Math.max(0, tokens - 1) / (tookMs - firstMs)) / 10
    : 0;
  return `${tokens} tokens in ${formatDuration(tookMs)}, first after ${formatDuration(firstMs)}, ` +
    `${rate} tokens/s, ${reason}`;
}

/** One answer at a time. */
function useTalk(
  setMessages: (change: (before: readonly Message[]) => readonly Message[]) => void,
) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const [figures, setFigures] = useState<Figures>();
  const abort = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const add = (text: string) =>
    setMessages((before) => {
      const last = before.at(-1);
      return last?.role === "assistant"
        ? [...before.slice(0, -1), { ...last, content: last.content + text }]
        : [...before, { role: "assistant", content: text }];
    });
  const start = async (request: ChatRequest) => {
    const { signal } = abort.current = new AbortController();
    setBusy(true);
    setError(undefined);
    setFigures(undefined);
    try {
      setFigures(await chat(request, add, signal));
    } catch (error) {
      if (!signal.aborted) setError((error as Error).message);
    }
    setBusy(false);
  };
  return { isBusy, error, figures, start, stop: () => abort.current?.abort() };
}

function Snippets({ request }: { request: ChatRequest }) {
  const [language, setLanguage] = useState<typeof LANGUAGES[number]>("curl");
  return (
    <fieldset class="snippets">
      <legend>The same as code</legend>
      <div class="choices">
        {LANGUAGES.map((each) => (
          <label key={each} class="choice">
            <input
              type="radio"
              name="language"
              checked={each === language}
              onChange={() => setLanguage(each)}
            />
            {each}
          </label>
        ))}
      </div>
      <Code text={snippet(language, request, location.origin)} label={`${language} code`} />
    </fieldset>
  );
}
