import type { ModelView } from "#shared/contracts/mod.ts";
import { serviceUrl } from "../api.ts";
import { oneLine } from "#shared/printable.ts";
import { useRef, useState } from "preact/hooks";
import { type ChatRequest, type Message, openCalls } from "../chat.ts";
import { wordsOf } from "../figures.ts";
import { useFetch, useThrottled } from "../hooks.ts";
import { useLive } from "../live.ts";
import {
  contentOf,
  IMAGE_TYPES,
  isSound,
  mediaOf,
  readMedia,
  SOUND_TYPES,
  textOf,
  withoutBytes,
} from "../media.ts";
import { heardWorkers, type ModelState, modelState } from "../model_state.ts";
import { isAskable, labelOf, nameOf } from "../names.ts";
import { CallView, Thoughts } from "../parts/answer.tsx";
import { Code } from "../parts/copy.tsx";
import { Name } from "../parts/name.tsx";
import { LANGUAGES, snippet } from "../snippets.ts";
import { ask, attach, beginChat, edit, note, stop, useTalk } from "../talk.ts";
import { parseOptions } from "../further_options.ts";
import { parseTools } from "../tools.ts";

/** Parameters with the bounds of the API; an empty field means the service's default. */
const PARAMETERS = [
  { name: "temperature", label: "Temperature", min: 0, max: 2, step: "any" },
  { name: "top_p", label: "Top p", min: 0.01, max: 1, step: "any" },
  { name: "max_tokens", label: "Max tokens", min: 1, max: 100_000, step: 1 },
  { name: "seed", label: "Seed", min: 0, max: 2 ** 31, step: 1 },
] as const;

/** How hard a model may be told to think; of other values the service says what it takes. */
const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh"];

/** What can be attached, by the sense that a model needs for it. */
const ATTACHED = [
  { sense: "vision", label: "Add images", types: IMAGE_TYPES },
  { sense: "audio", label: "Add sounds", types: SOUND_TYPES },
] as const;

/** Shortest time between two fetches of the models, in ms; they are fetched only when workers or pools changed. */
const FRESH_MS = 1_000;

/** What is said beside a model's name, by its state. */
const LOADS: Readonly<Record<ModelState, string>> = {
  loaded: "",
  loading: " (loading)",
  "on disk": " (loaded on first use)",
  elsewhere: "",
  "load failed": " (load failed)",
  "no heartbeat": " (no heartbeat)",
};

/** Id of the form that sends. Fields outside of it name it, so that their bounds are checked as well. */
const FORM = "ask";

/** A chat with a model. */
export function PlaygroundPage() {
  const { fleet, activities } = useLive();
  const version = useThrottled(`${activities[0]?.id} ${JSON.stringify(fleet?.workers)}`, FRESH_MS);
  const { value, error } = useFetch<{ models: readonly ModelView[] }>("/v2/models", version);
  const heard = heardWorkers(fleet);
  const talk = useTalk();
  const offered = useRef<string | undefined>(undefined);
  const { messages, draft, media, system, effort, parameters } = talk;
  const tools = parseTools(talk.tools);
  const options = parseOptions(talk.options);
  const open = openCalls(messages);
  const models = value?.models ?? [];
  const first = models.find(({ loaded }) => loaded) ?? models[0];
  // What is loaded changes; what is offered at first stays.
  if (first) offered.current ??= nameOf(first);
  const wanted = talk.picked || offered.current;
  const picked = models.find((each) => nameOf(each) === wanted) ?? first;
  const model = picked ? nameOf(picked) : "";
  const turns: Message[] = [
    ...(system.trim() === "" ? [] : [{ role: "system" as const, content: system }]),
    ...messages,
  ];
  const requestOf = (messages: readonly Message[]): ChatRequest => ({
    model,
    messages,
    ...(tools.list.length > 0 ? { tools: tools.list } : {}),
    ...(effort === "" ? {} : { reasoning_effort: effort }),
    ...Object.fromEntries(
      Object.entries(parameters).filter(([, text]) => text.trim() !== "")
        .map(([name, text]) => [name, Number(text)]),
    ),
    ...options.fields,
  });
  const kinds = ATTACHED.filter(({ sense }) => picked?.[sense] === true);
  const isEmpty = draft.trim() === "" && media.length === 0;
  const canSend = !isEmpty && model !== "" && !talk.isBusy && !tools.error && !options.error;
  const submit = (event: Event) => {
    event.preventDefault();
    if (!canSend) return;
    const content = contentOf(draft, media);
    const question: Message = open.length > 0
      ? { role: "tool", content, tool_call_id: open[0]!.id }
      : { role: "user", content };
    edit({ picked: model });
    if (open.length > 1) note(question);
    else ask(question, requestOf([...turns, question]));
  };
  const shown = isEmpty && messages.length > 0
    // The code sends the last question again, without its answer.
    ? turns.slice(0, turns.findLastIndex(({ role }) => role !== "assistant") + 1)
    : [...turns, { role: "user" as const, content: isEmpty ? "Hello" : contentOf(draft, media) }];
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
          {messages.length === 0 && (
            <p class="empty">
              Ask something. The chat stays in this tab until you sign out or close it.
            </p>
          )}
          {messages.map((message, index) => (
            <Turn
              key={index}
              message={message}
              model={talk.authors[index] ?? ""}
              isGrowing={talk.isBusy && index === messages.length - 1}
            />
          ))}
        </div>
        {(talk.error ?? error) && (
          <p class="bad-text" role="alert">
            <Name>{talk.error ?? error ?? ""}</Name>
          </p>
        )}
        <p class="dim small figures" role="status">
          {talk.end && (talk.end === "stopped" ? "Stopped before the end" : wordsOf(talk.end))}
        </p>
        <form id={FORM} onSubmit={submit}>
          <label class={open.length > 0 ? "small" : "sr"} for="draft">
            {open.length > 0
              ? (
                <>
                  Result of <Name>{open[0]!.function.name}</Name>
                </>
              )
              : "Message"}
          </label>
          <textarea
            id="draft"
            rows={3}
            dir="auto"
            value={draft}
            placeholder="Message (Enter to send, Shift+Enter for a new line)"
            onInput={(event) => edit({ draft: event.currentTarget.value })}
            onKeyDown={(event) => {
              if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
              event.preventDefault();
              event.currentTarget.form?.requestSubmit();
            }}
            onPaste={(event) => {
              const files = [...event.clipboardData?.files ?? []];
              if (kinds.length === 0 || files.length === 0) return;
              event.preventDefault();
              void readMedia(files, kinds.map(({ types }) => types).join()).then(attach);
            }}
          />
          <MediaList
            urls={media}
            label="Attached"
            onRemove={(index) => edit({ media: media.filter((_, at) => at !== index) })}
          />
          <div class="actions">
            {talk.isBusy
              ? <button type="button" class="danger" onClick={stop}>Stop</button>
              : (
                <button
                  type="submit"
                  class="primary"
                  disabled={!canSend}
                >
                  Send
                </button>
              )}
            {kinds.map(({ label, types }) => (
              <label key={label} class="button">
                {label}
                <input
                  class="sr"
                  type="file"
                  multiple
                  accept={types}
                  onChange={(event) => {
                    const input = event.currentTarget;
                    void readMedia(input.files ?? [], types).then(attach)
                      .then(() => input.value = "");
                  }}
                />
              </label>
            ))}
            <button
              type="button"
              disabled={talk.isBusy || messages.length === 0}
              onClick={beginChat}
            >
              New chat
            </button>
          </div>
        </form>
      </section>
      <section aria-label="Settings" class="settings">
        <label>
          Model
          <select value={model} onChange={(event) => edit({ picked: event.currentTarget.value })}>
            {models.map((each) => (
              <option
                key={each.fingerprint}
                value={nameOf(each)}
                disabled={!isAskable(each)}
              >
                {oneLine(labelOf(each))}
                {LOADS[modelState(each, heard)]}
              </option>
            ))}
          </select>
        </label>
        <label>
          System prompt
          <textarea
            rows={2}
            value={system}
            dir="auto"
            onInput={(event) => edit({ system: event.currentTarget.value })}
          />
        </label>
        <JsonField
          label="Tools"
          value={talk.tools}
          placeholder='[{"type": "function", "function": {"name": …}}]'
          error={tools.error}
          onInput={(text) => edit({ tools: text })}
        />
        <label>
          Thinking
          <select
            value={effort}
            onChange={(event) => edit({ effort: event.currentTarget.value })}
          >
            <option value="">default</option>
            {EFFORTS.map((each) => <option key={each} value={each}>{each}</option>)}
          </select>
        </label>
        <div class="two">
          {PARAMETERS.map(({ name, label, ...bounds }) => (
            <label key={name}>
              {label}
              <input
                form={FORM}
                type="number"
                {...bounds}
                placeholder="default"
                value={parameters[name] ?? ""}
                onInput={(event) =>
                  edit({ parameters: { ...parameters, [name]: event.currentTarget.value } })}
              />
            </label>
          ))}
        </div>
        <JsonField
          label="Further options"
          value={talk.options}
          placeholder='{"mirostat": 2, "samplers": "kt"}'
          error={options.error}
          onInput={(text) => edit({ options: text })}
        />
        <Snippets request={requestOf(shown)} />
      </section>
    </div>
  );
}

/** A field for JSON, with what is wrong in it. */
function JsonField({ label, value, placeholder, error, onInput }: {
  label: string;
  value: string;
  placeholder: string;
  error: string | undefined;
  onInput: (text: string) => void;
}) {
  return (
    <>
      <label>
        {label}
        <textarea
          rows={2}
          class="mono"
          spellcheck={false}
          value={value}
          placeholder={placeholder}
          aria-invalid={error !== undefined}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      </label>
      {error && <p class="bad-text small" role="alert">{error}</p>}
    </>
  );
}

/** One turn of the chat. */
function Turn({ message, model, isGrowing }: {
  message: Message;
  model: string;
  isGrowing: boolean;
}) {
  const { role, content, reasoning_content: thoughts, tool_calls: calls } = message;
  if (role !== "assistant") {
    return (
      <div class="turn user">
        <span class="role">{role === "tool" ? "Result" : "You"}</span>
        <MediaList urls={mediaOf(content)} />
        {textOf(content) !== "" && <p dir="auto">{textOf(content)}</p>}
      </div>
    );
  }
  const text = textOf(content).trimStart();
  return (
    <div class="turn assistant">
      <span class="role">
        <Name>{model}</Name>
      </span>
      {thoughts && (
        <Thoughts text={thoughts} isGrowing={isGrowing && text === "" && calls === undefined} />
      )}
      <p dir="auto">
        {text}
        {isGrowing && !calls && <span class="cursor" />}
      </p>
      {calls?.map((call, index) => <CallView key={index} call={call} />)}
    </div>
  );
}

/** Images to look at and sounds to play. */
function MediaList({ urls, label, onRemove }: {
  urls: readonly string[];
  label?: string;
  /** Absent: they are sent already. */
  onRemove?: (index: number) => void;
}) {
  if (urls.length === 0) return null;
  const named = urls.map((url, index) => {
    const isHeard = isSound(url);
    const number = urls.slice(0, index + 1).filter((each) => isSound(each) === isHeard).length;
    return { url, isHeard, name: `${isHeard ? "sound" : "image"} ${number}` };
  });
  return (
    <ul class="media" aria-label={label}>
      {named.map(({ url, isHeard, name }, index) => (
        <li key={index}>
          {isHeard ? <audio controls src={url} aria-label={name} /> : <img src={url} alt={name} />}
          {onRemove && (
            <button
              type="button"
              aria-label={`Remove ${name}`}
              onClick={() => onRemove(index)}
            >
              ×
            </button>
          )}
        </li>
      ))}
    </ul>
  );
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
      <Code
        text={snippet(language, {
          ...request,
          messages: withoutBytes(request.messages),
        }, serviceUrl())}
        label={`${language} code`}
      />
    </fieldset>
  );
}
