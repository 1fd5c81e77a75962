/**
 * Requests that other servers answer, with the status and the body that those give: each comes from a
 * real client or from llama-server's and vLLM's tests.
 *
 * @module
 */

/** A request, and what must come. */
export interface PeerRow {
  readonly name: string;
  /** Of a URL; `POST` if there is a body, otherwise `GET`. */
  readonly path: string;
  readonly method?: string;
  /** Sent as JSON, or a text as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  /** A part of the reply's JSON. */
  readonly has?: unknown;
  /** What the reply's text must, or must not, contain. */
  readonly says?: readonly RegExp[];
  readonly saysNot?: readonly RegExp[];
  /** Headers of the reply. */
  readonly sends?: Readonly<Record<string, RegExp>>;
}

const CHAT = "/v1/chat/completions";
const COMPLETIONS = "/v1/completions";
const user = (content: unknown) => [{ role: "user", content }];
const W7 = user("w7");

/** A chat with a model that counts on. */
const chat = (more: object = {}) => ({
  path: CHAT,
  body: { model: "counter", messages: W7, max_tokens: 3, temperature: 0, ...more },
});
/** A completion with the same model. */
const complete = (more: object = {}) => ({
  path: COMPLETIONS,
  body: { model: "counter", prompt: "w7", max_tokens: 3, temperature: 0, ...more },
});
/** A chat with a model that thinks, and answers at ① or calls at ②. */
const script = (word: "①" | "②", more: object = {}) => ({
  path: CHAT,
  body: { model: "script", messages: user(word), temperature: 0, ...more },
});
/** A chat that has gone on for some turns. */
const turns = (...messages: object[]) => chat({ messages: [...messages, ...W7] });

const says = (content: string) => ({ choices: [{ message: { content } }] });
const COUNTS = says(" w8 w9 w10");
const refused = (param: string, message?: RegExp) => ({
  status: 400,
  has: { error: { type: "invalid_request_error", param, code: "invalid_request" } },
  ...(message ? { says: [message] } : {}),
});

const fn = (name: string, more: object = {}) => ({
  type: "function",
  function: { name, parameters: { type: "object", properties: {} }, ...more },
});
const GET_HOUR = fn("get_hour", {
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
  },
});

/** A chat whose answer has a strict schema of one field. */
const strict = (field: object) =>
  chat({
    max_tokens: 200,
    response_format: {
      type: "json_schema",
      json_schema: {
        ...{ name: "x", strict: true },
        schema: {
          ...{ type: "object", properties: { a: field }, required: ["a"] },
          additionalProperties: false,
        },
      },
    },
  });

const YES_OR_NO = 'root ::= "yes" | "no"';
const PERSON = {
  type: "object",
  properties: { age: { type: "integer", minimum: 5, maximum: 6 } },
  required: ["age"],
  additionalProperties: false,
};
/** White space of JSON within a JSON text. */
const SPACE = String.raw`(?:\\[nrt]| )*`;
const IS_PERSON = new RegExp(String.raw`"\{${SPACE}\\"age\\":${SPACE}[56]${SPACE}\}"`);
const call = (more: object) => ({
  role: "assistant",
  content: null,
  tool_calls: [{ type: "function", function: { name: "f", arguments: "{}" }, ...more }],
});

/** F1: `/v1/responses`. */
const RESPONSES: readonly PeerRow[] = [
  {
    name: "F1: a streamed response has every event whole, and no [DONE]",
    path: "/v1/responses",
    body: { model: "counter", input: "w7", stream: true, max_output_tokens: 2 },
    status: 200,
    says: [
      /^event: response\.created\ndata: {"type":"response\.created","response":{"id":"resp_[^}]*/,
      /"output":\[\]/,
      /event: response\.in_progress/,
      /event: response\.output_item\.added\n.*"output_index":0,"item":{"type":"message","id":"msg_/,
      /event: response\.content_part\.added\n.*"part":{"type":"output_text","text":""/,
      /event: response\.output_text\.delta\n.*"content_index":0,"delta":" w8","logprobs":\[\]/,
      /event: response\.output_text\.done\n.*"text":" w8 w9"/,
      /event: response\.incomplete\n.*"incomplete_details":{"reason":"max_output_tokens"}/,
    ],
    saysNot: [/\[DONE\]/],
  },
  {
    name: "F1: what Codex sends: tools of other types are skipped",
    path: "/v1/responses",
    body: {
      ...{ model: "script", stream: true, store: false, parallel_tool_calls: false },
      input: [
        {
          ...{ type: "message", id: "msg_1", role: "developer" },
          content: [{ type: "input_text", text: "Be brief" }],
        },
        { type: "message", role: "user", content: [{ type: "input_text", text: "②" }] },
      ],
      tools: [
        { type: "function", strict: false, ...GET_HOUR.function, description: "Tells" },
        { type: "namespace", name: "n", description: "d", tools: [] },
        { type: "web_search", external_web_access: false },
      ],
      ...{ tool_choice: "auto", reasoning: { summary: "auto" }, prompt_cache_key: "k" },
      ...{ include: ["reasoning.encrypted_content"], client_metadata: { a: "b" } },
    },
    status: 200,
    says: [
      /"type":"function_call","id":"fc_[^"]*","status":"in_progress","call_id":"[^"]+","name":"get_hour","arguments":""/,
      /event: response\.function_call_arguments\.done/,
      /event: response\.completed/,
    ],
  },
  {
    name: "F1: the next turn of Codex: a call and its output",
    path: "/v1/responses",
    body: {
      model: "script",
      input: [
        { role: "user", content: "Hello" },
        {
          ...{ type: "function_call", id: "fc_1", status: "completed" },
          ...{ name: "get_hour", arguments: '{"city":"Oslo"}', call_id: "c1" },
        },
        { type: "function_call_output", id: "fo_1", call_id: "c1", output: "It is ①" },
      ],
    },
    status: 200,
    has: { status: "completed", object: "response" },
    says: [/It is noon in Oslo\./],
  },
  {
    name: "F1: LangChain's text: {} and messages of text",
    path: "/v1/responses",
    body: {
      ...{ model: "counter", text: {}, max_output_tokens: 1 },
      input: [{ type: "message", role: "user", content: "w7" }],
    },
    status: 200,
    has: { status: "incomplete", output: [{ content: [{ type: "output_text", text: " w8" }] }] },
  },
  {
    name: "F1: LiteLLM's items without a type",
    path: "/responses",
    body: {
      ...{ model: "counter", max_output_tokens: 1 },
      input: [{ role: "user", content: [{ type: "input_text", text: "w7" }] }],
    },
    status: 200,
    has: { usage: { output_tokens: 1, output_tokens_details: { reasoning_tokens: 0 } } },
  },
];

const ANTHROPIC = { "x-api-key": "k", "anthropic-version": "2023-06-01" };

/** F2: `/v1/messages`. */
const MESSAGES: readonly PeerRow[] = [
  {
    name: "F2: a message with x-api-key",
    path: "/v1/messages",
    headers: ANTHROPIC,
    body: { model: "counter", max_tokens: 2, messages: W7 },
    status: 200,
    has: {
      ...{ type: "message", role: "assistant", stop_reason: "max_tokens", stop_sequence: null },
      content: [{ type: "text", text: " w8 w9" }],
      usage: { output_tokens: 2, cache_creation_input_tokens: 0 },
    },
  },
  {
    name: "F2: what Claude Code sends",
    path: "/v1/messages?beta=true",
    headers: { ...ANTHROPIC, "anthropic-beta": "a,b" },
    body: {
      ...{ model: "script", max_tokens: 32_000, stream: true },
      system: [
        { type: "text", text: "x-anthropic-billing-header: cc_version=1; cch=0;" },
        { type: "text", text: "Be brief", cache_control: { type: "ephemeral" } },
      ],
      messages: [
        { role: "user", content: [{ type: "text", text: "Hello" }] },
        { role: "system", content: "A word in the middle" },
        {
          role: "assistant",
          content: [{ type: "tool_use", id: "t1", name: "get_hour", input: { city: "Oslo" } }],
        },
        {
          role: "user",
          content: [
            {
              ...{ type: "tool_result", tool_use_id: "t1", content: "noon", is_error: false },
              cache_control: { type: "ephemeral" },
            },
            { type: "text", text: "②" },
          ],
        },
      ],
      tools: [
        { name: "get_hour", description: "d", input_schema: GET_HOUR.function.parameters },
        { type: "web_search_20250305", name: "web_search", max_uses: 8 },
      ],
      ...{ thinking: { type: "adaptive" }, context_management: { edits: [] } },
      ...{ output_config: { effort: "medium" }, metadata: { user_id: "u" } },
    },
    status: 200,
    says: [
      /^event: message_start\n.*"usage":{"input_tokens":[1-9]\d*,/,
      /"content_block":{"type":"thinking","thinking":"","signature":""}}/,
      /event: ping/,
      /"content_block":{"type":"tool_use","id":"[^"]+","name":"get_hour","input":{}}/,
      /"type":"input_json_delta","partial_json":/,
      /"stop_reason":"tool_use"/,
      /event: message_stop/,
    ],
  },
  {
    name: "F2: tokens are counted",
    path: "/v1/messages/count_tokens",
    headers: ANTHROPIC,
    body: { model: "counter", messages: W7 },
    status: 200,
    says: [/^{"input_tokens":\d+}$/],
  },
  {
    name: "F2: an error is Anthropic's",
    path: "/v1/messages",
    headers: ANTHROPIC,
    body: { model: "counter", messages: W7 },
    status: 400,
    has: { type: "error", error: { type: "invalid_request_error" } },
    says: [/max_tokens/],
  },
  {
    name: "F2: an unknown model is Anthropic's not_found_error",
    path: "/v1/messages",
    headers: ANTHROPIC,
    body: { model: "claude-none", max_tokens: 1, messages: W7 },
    status: 404,
    has: { type: "error", error: { type: "not_found_error", code: "model_not_found" } },
  },
];

/** F3 and F4: schemas. */
const SCHEMAS: readonly PeerRow[] = [
  {
    name: "F3: tools beside a schema: the model may call",
    ...script("②", {
      tools: [GET_HOUR],
      response_format: { type: "json_schema", json_schema: { name: "p", schema: PERSON } },
    }),
    status: 200,
    has: {
      choices: [{
        finish_reason: "tool_calls",
        message: { tool_calls: [{ type: "function", function: { name: "get_hour" } }] },
      }],
    },
  },
  ...Object.entries({
    "bounds of a float": { type: "number", minimum: 0, maximum: 1 },
    "gt on a float": { type: "number", exclusiveMinimum: 0 },
    "multiple_of": { type: "integer", multipleOf: 5 },
    "a pattern": { type: "string", pattern: "^[a-c]{2}$" },
    "a long maxLength": { type: "string", maxLength: 5000, pattern: "^a$" },
    "HttpUrl": { type: "string", format: "uri", minLength: 1, maxLength: 2083 },
    "a tuple": {
      ...{ type: "array", minItems: 2, maxItems: 2 },
      prefixItems: [{ type: "boolean" }, { type: "boolean" }],
    },
    "a set": { type: "array", items: { enum: ["a"] }, uniqueItems: true, maxItems: 1 },
    "an unknown keyword": { type: "array", items: { enum: ["a"] }, min_items: 1, maxItems: 1 },
  }).map(([name, field]): PeerRow => ({
    name: `F4: ${name} under strict`,
    ...strict(field),
    status: 200,
    has: { object: "chat.completion" },
  })),
  {
    name: "F4: a pattern under strict holds",
    ...strict({ type: "string", pattern: "^[a-c]{2}$" }),
    status: 200,
    says: [new RegExp(String.raw`"\{${SPACE}\\"a\\":${SPACE}\\"[a-c]{2}\\"${SPACE}\}"`)],
  },
  {
    name: "F4: a strict function with bounds of a number",
    ...script("②", {
      tools: [fn("get_hour", {
        strict: true,
        parameters: {
          type: "object",
          properties: { city: { type: "string" }, at: { type: "number", minimum: 0.5 } },
          required: ["city"],
        },
      })],
    }),
    status: 200,
    has: { choices: [{ finish_reason: "tool_calls" }] },
  },
];

const LONG = "w1 ".repeat(4200);
const OVERFLOW = {
  status: 400,
  has: {
    error: {
      ...{ type: "exceed_context_size_error", code: "context_length_exceeded" },
      n_ctx: 4096,
    },
  },
  says: [
    /request \(\d+ tokens\) exceeds the available context size \(4096 tokens\)/,
    /: context_length_exceeded/,
    /"n_prompt_tokens":\d+/,
  ],
};

/** F5: a prompt that does not fit. */
const OVERFLOWS: readonly PeerRow[] = [
  { name: "F5: overflow of a chat", ...chat({ messages: user(LONG) }), ...OVERFLOW },
  { name: "F5: overflow of a completion", ...complete({ prompt: LONG }), ...OVERFLOW },
  {
    name: "F5: overflow of a response",
    path: "/v1/responses",
    body: { model: "counter", input: LONG },
    ...OVERFLOW,
  },
  {
    name: "F5: overflow of a message, in the words of Anthropic",
    path: "/v1/messages",
    body: { model: "counter", max_tokens: 1, messages: user(LONG) },
    status: 400,
    has: { type: "error", error: { type: "invalid_request_error" } },
    says: [/prompt is too long: \d+ tokens > 4096 maximum/],
  },
  {
    name: "F5: codes are OpenAI's, in lower case",
    ...chat({ model: "none" }),
    status: 404,
    has: { error: { code: "model_not_found", param: null, type: "invalid_request_error" } },
  },
];

const HELD = { status: 200, says: [/"content":"(yes|no)"/] };
const IS_HELD = { status: 200, says: [IS_PERSON] };
const THOUGHT = { choices: [{ message: { reasoning_content: "I look at the clock." } }] };

/** F6: fields that change the answer. */
const CONSTRAINTS: readonly PeerRow[] = [
  { name: "F6: grammar", ...chat({ grammar: YES_OR_NO }), ...HELD },
  {
    name: "F6: json_object with a schema",
    ...chat({ max_tokens: 90, response_format: { type: "json_object", schema: PERSON } }),
    ...IS_HELD,
  },
  { name: "F6: json_schema", ...chat({ max_tokens: 90, json_schema: PERSON }), ...IS_HELD },
  { name: "F6: guided_json", ...chat({ max_tokens: 90, guided_json: PERSON }), ...IS_HELD },
  {
    name: "F6: structured_outputs.json",
    ...chat({ max_tokens: 90, structured_outputs: { json: PERSON } }),
    ...IS_HELD,
  },
  {
    name: "F6: structured_outputs.json_object",
    ...chat({ max_tokens: 90, structured_outputs: { json_object: true } }),
    status: 200,
    says: [/"content":"\{/],
  },
  {
    name: "F6: structured_outputs.choice",
    ...chat({ structured_outputs: { choice: ["yes", "no"] } }),
    ...HELD,
  },
  {
    name: "F6: structured_outputs.grammar",
    ...chat({ structured_outputs: { grammar: YES_OR_NO } }),
    ...HELD,
  },
  {
    name: "F6: structured_outputs.regex is refused by name",
    ...chat({ structured_outputs: { regex: "a+" } }),
    ...refused("structured_outputs.regex"),
  },
  { name: "F6: repeat_penalty", ...chat({ repeat_penalty: 1.1 }), status: 200, has: COUNTS },
  {
    name: "F6: n_predict",
    ...chat({ max_tokens: undefined, n_predict: 3 }),
    status: 200,
    has: { ...COUNTS, usage: { completion_tokens: 3 } },
  },
  { name: "F6: a thought is apart", ...script("①"), status: 200, has: THOUGHT },
  {
    name: "F6: enable_thinking: false",
    ...script("①", { chat_template_kwargs: { enable_thinking: false } }),
    status: 200,
  },
  {
    name: "F6: reasoning_effort: none ends a thought",
    ...script("①", { reasoning_effort: "none" }),
    status: 200,
    saysNot: [/reasoning_content/],
  },
  {
    name: "F6: reasoning_format: none leaves a thought in the text",
    ...script("①", { reasoning_format: "none" }),
    status: 200,
    says: [/"content":"<think>\\nI look at the clock\.\\n<\/think>/],
  },
  {
    name: "F6: grammar of a completion",
    ...complete({ grammar: YES_OR_NO }),
    status: 200,
    says: [/"text":"(yes|no)"/],
  },
  {
    name: "F6: response_format of a completion",
    ...complete({ max_tokens: 90, response_format: { type: "json_object", schema: PERSON } }),
    ...IS_HELD,
  },
];

/** F7: Ollama's routes. */
const OLLAMA: readonly PeerRow[] = [
  { name: "F7: /api/version", path: "/api/version", status: 200, says: [/^{"version":"\d/] },
  {
    name: "F7: /api/tags",
    path: "/api/tags",
    status: 200,
    says: [
      /"models":\[/,
      /"name":"counter:latest","model":"counter:latest"/,
      /"digest":/,
      /"parameter_size":/,
    ],
  },
  {
    name: "F7: /api/chat streams lines, from curl -d",
    path: "/api/chat",
    body: '{"model":"counter:latest","messages":[{"role":"user","content":"w7"}],' +
      '"options":{"num_predict":2}}',
    headers: { "content-type": "application/x-www-form-urlencoded" },
    status: 200,
    sends: { "content-type": /application\/x-ndjson/ },
    says: [
      /"message":{"role":"assistant","content":" w8"}/,
      /"done":true,"done_reason":"length","total_duration":\d+,"load_duration":\d+/,
      /"prompt_eval_count":\d+,"prompt_eval_duration":\d+,"eval_count":2,"eval_duration":\d+/,
    ],
  },
  {
    name: "F7: an error is a text",
    path: "/api/chat",
    body: { model: "none", messages: W7 },
    status: 404,
    says: [/^{"error":"Cannot find model \\"none\\"/],
  },
  {
    name: "F7: curl -d on /v1",
    path: CHAT,
    body: '{"model":"counter","messages":[{"role":"user","content":"w7"}],"max_tokens":3}',
    headers: { "content-type": "application/x-www-form-urlencoded" },
    status: 200,
  },
  {
    name: "F7: an empty list of messages loads",
    path: "/api/chat",
    body: { model: "counter", messages: [], stream: false },
    status: 200,
    has: { done: true, done_reason: "load" },
  },
];

/** F8: calls. */
const CALLS: readonly PeerRow[] = [
  {
    name: "F8: a call that max_tokens cut is there",
    ...script("②", { tools: [GET_HOUR], tool_choice: "required", max_tokens: 40 }),
    status: 200,
    has: {
      choices: [{
        finish_reason: "length",
        message: { tool_calls: [{ function: { name: "get_hour" } }] },
      }],
    },
  },
  {
    name: "F8: a call is streamed piece by piece",
    ...script("②", { tools: [GET_HOUR], stream: true }),
    status: 200,
    says: [
      /"tool_calls":\[{"index":0,"id":"[^"]+","type":"function","function":{"name":"get_hour"/,
      /("tool_calls":\[{"index":0,"function":{"arguments":[^\n]*\n\n[^\n]*){3}/,
      /"finish_reason":"tool_calls"/,
    ],
  },
];

/** F9: paths. */
const PATHS: readonly PeerRow[] = [
  ...["/chat/completions", "/v1/chat/completions/", "//v1/chat/completions"]
    .concat(["/v1//chat/completions", "/v1/v1/chat/completions"])
    .map((path): PeerRow => ({ name: `F9: ${path}`, ...chat(), path, status: 200, has: COUNTS })),
  ...["/models", "/v1/models/", "//v1/models"].map((path): PeerRow => ({
    name: `F9: ${path}`,
    path,
    status: 200,
    has: { object: "list" },
  })),
  { name: "F9: /completions", ...complete(), path: "/completions", status: 200 },
  {
    name: "F9: /embeddings",
    path: "/embeddings",
    body: { model: "embedder", input: "w7" },
    status: 200,
    has: { object: "list" },
  },
  ...["/v1/v2/rerank", "/rerank/"].map((path): PeerRow => ({
    name: `F9: ${path}`,
    path,
    body: { model: "ranker", query: "w1", documents: ["w1"] },
    status: 200,
  })),
  { name: "F9: /models/counter", path: "/models/counter", status: 200, has: { id: "counter" } },
  {
    name: "F9: /models/nope",
    path: "/models/nope",
    status: 404,
    has: { error: { type: "invalid_request_error", code: "model_not_found" } },
  },
  {
    name: "F9: /messages",
    path: "/messages",
    body: { model: "counter", max_tokens: 2, messages: W7 },
    status: 200,
    has: { type: "message" },
  },
  {
    name: "F9: /messages with a fault",
    path: "/messages/",
    body: { model: "counter", max_tokens: 2 },
    status: 400,
    has: { type: "error", error: { type: "invalid_request_error" } },
  },
  {
    name: "F9: /messages/count_tokens",
    path: "/messages/count_tokens",
    body: { model: "counter", messages: W7 },
    status: 200,
    says: [/"input_tokens":\d/],
  },
  ...["/tokenize/", "//tokenize"].map((path): PeerRow => ({
    name: `F9: ${path}`,
    path,
    body: { model: "counter", content: "w1" },
    status: 200,
    says: [/^{"tokens":\[\d+\]}$/],
  })),
  { name: "F9: /props/", path: "/props/?model=counter", status: 200 },
  {
    name: "F9: /props/ of no model",
    path: "/props/?model=nope",
    status: 404,
    has: { error: { code: 404, type: "not_found_error" } },
  },
  {
    name: "F9: /completion/",
    path: "/completion/",
    body: { model: "counter", prompt: "w7", n_predict: 2, temperature: 0 },
    status: 200,
    has: { content: " w8 w9" },
  },
  {
    name: "F9: /infill/",
    path: "/infill/",
    body: { model: "gap", input_prefix: "w1", input_suffix: "", n_predict: 1 },
    status: 200,
  },
  { name: "F9: /v1/health", path: "/v1/health", status: 200, has: { status: "ok" } },
  {
    name: "F9: an unknown path under /v1 has OpenAI's envelope",
    path: "/v1/none",
    status: 404,
    has: { error: { type: "invalid_request_error", param: null } },
  },
];

const RANK = { model: "ranker", query: "w1", documents: ["w1", "w2"] };

/** F10: rerank. */
const RERANKS: readonly PeerRow[] = [
  ...["/v1/rerank", "/rerank", "/v2/rerank", "/reranking", "/v1/reranking"].map((
    path,
  ): PeerRow => ({
    name: `F10: ${path}`,
    path,
    body: RANK,
    status: 200,
    says: [/"results":\[{"index":\d,"relevance_score":[-\d.e]+/],
  })),
  {
    name: "F10: TEI's texts",
    path: "/rerank",
    body: { model: "ranker", query: "w1", texts: ["w1", "w2"] },
    status: 200,
    says: [/^\[{"index":\d,"score":[-\d.e]+},{"index":\d,"score":[-\d.e]+}\]$/],
  },
];

/** F11: limits that only we had. */
const LIMITS: readonly PeerRow[] = [
  {
    name: "F11: more stop strings than four",
    ...chat({ stop: ["a", "b", "c", "d", " w9"] }),
    status: 200,
    has: { choices: [{ finish_reason: "stop", message: { content: " w8" } }] },
  },
  { name: 'F11: stop: ""', ...chat({ stop: "" }), status: 200, has: COUNTS },
  { name: 'F11: stop: [""]', ...chat({ stop: [""] }), status: 200, has: COUNTS },
  {
    name: "F11: max_tokens: -1 is no limit",
    ...chat({ messages: user("w1990"), max_tokens: -1 }),
    status: 200,
    has: { choices: [{ finish_reason: "stop" }], usage: { completion_tokens: 9 } },
  },
  {
    name: "F11: max_tokens: 0 evaluates the prompt only",
    ...chat({ max_tokens: 0 }),
    status: 200,
    has: { ...says(""), usage: { completion_tokens: 0 } },
  },
  ...Object.entries({
    temperature: { temperature: 100, top_k: 1 },
    top_k: { top_k: 2_147_483_647 },
    logit_bias: { logit_bias: { 0: -1e9 } },
    seed: { seed: 2 ** 63 },
    stop: { stop: ["x".repeat(4096)] },
  }).map(([field, more]): PeerRow => ({
    name: `F11: a large ${field}`,
    ...chat(more),
    status: 200,
    has: COUNTS,
  })),
  {
    name: "F11: /tokenize without content",
    path: "/tokenize",
    body: { model: "counter" },
    status: 200,
    has: { tokens: [] },
  },
  {
    name: "F11: /tokenize of texts and token ids",
    path: "/tokenize",
    body: { model: "counter", content: ["w1", 5, "w1"] },
    status: 200,
    says: [/^{"tokens":\[(\d+),5,\1\]}$/],
  },
  {
    name: "F11: /apply-template without a turn of the assistant is refused by name",
    path: "/apply-template",
    body: { model: "counter", messages: W7, add_generation_prompt: false },
    status: 400,
    says: [/add_generation_prompt: false needs a last message/],
  },
  { name: "F11: top_k: -1 is off", ...chat({ top_k: -1 }), status: 200, has: COUNTS },
  {
    name: "F11: a function's description and parameters may be null",
    ...script("②", { tools: [fn("get_hour", { description: null, parameters: null })] }),
    status: 200,
  },
  ...["x".repeat(65), "mcp__server/tool: a b"].map((name): PeerRow => ({
    name: `F11: a function of the name ${name}`,
    ...script("①", {
      tools: [fn(name)],
      messages: [
        { role: "user", content: "Hello" },
        call({ id: "c", function: { name, arguments: "{}" } }),
        { role: "tool", tool_call_id: "c", content: "①" },
      ],
    }),
    status: 200,
  })),
  {
    name: "F11: the same function twice",
    ...script("②", { tools: [GET_HOUR, GET_HOUR] }),
    status: 200,
    has: { choices: [{ finish_reason: "tool_calls" }] },
  },
  ...[null, []].flatMap((content): PeerRow[] =>
    [
      { role: "user", content },
      { role: "system", content },
      { role: "tool", tool_call_id: "c", content },
    ].map((message) => ({
      name: `F11: content: ${JSON.stringify(content)} of the role ${message.role}`,
      ...turns(...(message.role === "tool" ? [call({ id: "c" }), message] : [message])),
      status: 200,
    }))
  ),
  {
    name: "F11: a result without tool_call_id",
    ...turns(call({ id: "c" }), { role: "tool", name: "f", content: "w1" }),
    status: 200,
  },
  {
    name: "F11: a call without an id",
    ...turns(call({}), { role: "tool", content: "w1" }),
    status: 200,
  },
  {
    name: "F11: a call with an empty id",
    ...turns(call({ id: "" }), { role: "tool", tool_call_id: "", content: "w1" }),
    status: 200,
  },
  {
    name: "F11: arguments as an object",
    ...turns(call({ id: "c", function: { name: "f", arguments: { a: 1 } } }), {
      ...{ role: "tool", tool_call_id: "c", content: "w1" },
    }),
    status: 200,
  },
  ...[{ type: "refusal", refusal: "No" }, { type: "thinking", thinking: "hm" }].map((
    part,
  ): PeerRow => ({
    name: `F11: a part of type ${part.type} of the assistant`,
    ...turns({ role: "assistant", content: [part, { type: "text", text: "w1" }] }),
    status: 200,
  })),
  {
    name: "F11: json_schema without a name",
    ...chat({
      max_tokens: 90,
      response_format: { type: "json_schema", json_schema: { schema: PERSON } },
    }),
    ...IS_HELD,
  },
  {
    name: "F11: include_usage: null",
    ...chat({ stream: true, stream_options: { include_usage: null } }),
    status: 200,
    saysNot: [/"usage":{/],
  },
  ...[false, undefined].map((logprobs): PeerRow => ({
    name: `F11: top_logprobs: 0 with logprobs ${logprobs}`,
    ...chat({ top_logprobs: 0, logprobs }),
    status: 200,
    has: COUNTS,
  })),
  {
    name: "F11: top_logprobs without logprobs is refused, as at OpenAI",
    ...chat({ top_logprobs: 2 }),
    ...refused("top_logprobs"),
  },
  ...["functions", "function_call", "web_search_options"].map((field): PeerRow => ({
    name: `F11: ${field} is refused by name`,
    ...chat({ [field]: field === "functions" ? [] : {} }),
    ...refused(field),
  })),
  {
    name: "F11: the role function is refused",
    ...chat({ messages: [...W7, { role: "function", name: "f", content: "1" }] }),
    ...refused("messages.1.role"),
  },
  {
    name: "F11: prediction is only a hint",
    ...chat({ prediction: { type: "content", content: "x" } }),
    status: 200,
    has: COUNTS,
  },
  {
    name: 'F11: tool_choice: "any"',
    ...script("②", { tools: [GET_HOUR], tool_choice: "any" }),
    status: 200,
    has: { choices: [{ finish_reason: "tool_calls" }] },
  },
  {
    name: "F11: allowed_tools",
    ...script("②", {
      tools: [GET_HOUR, fn("other")],
      tool_choice: {
        type: "allowed_tools",
        allowed_tools: {
          mode: "auto",
          tools: [{ type: "function", function: { name: "get_hour" } }],
        },
      },
    }),
    status: 200,
    has: { choices: [{ finish_reason: "tool_calls" }] },
  },
  { name: "F11: seed: 1.5", ...chat({ seed: 1.5 }), ...refused("seed") },
  { name: 'F11: temperature: "0.5"', ...chat({ temperature: "0.5" }), ...refused("temperature") },
  { name: 'F11: stream: "true"', ...chat({ stream: "true" }), ...refused("stream") },
];

/** F12: models. */
const MODELS: readonly PeerRow[] = [
  {
    name: "F12: models are listed with when they were made, and how much they hold",
    path: "/v1/models",
    status: 200,
    says: [
      /"id":"counter"/,
      /"created":[1-9]\d+/,
      /"max_model_len":4096/,
      /"meta":{[^}]*"n_ctx_train":4096/,
    ],
    saysNot: [/file:/],
  },
  ...["counter:latest", "counter.gguf", "openai/counter", "Counter"].map((model): PeerRow => ({
    name: `F12: the model is found as ${model}`,
    ...chat({ model }),
    status: 200,
    has: COUNTS,
  })),
];

/** F13: pictures. */
const PICTURES: readonly PeerRow[] = [
  {
    name: "F13: a picture is refused in the words that agents look for",
    ...chat({
      messages: user([
        { type: "text", text: "w7" },
        { type: "image_url", image_url: { url: "data:image/png;base64,aGk=" } },
      ]),
    }),
    status: 400,
    says: [/image input is not supported/],
  },
];

/** F14: completions and embeddings. */
const TEXTS: readonly PeerRow[] = [
  {
    name: "F14: suffix",
    ...complete({ model: "gap", prompt: "w1", suffix: "w2", max_tokens: 2 }),
    status: 200,
    says: [/"text":"[^"]*w1 w2"/],
  },
  { name: "F14: echo", ...complete({ echo: true }), status: 200, says: [/"text":"w7 w8 w9 w10"/] },
  { name: "F14: best_of: 1", ...complete({ best_of: 1 }), status: 200 },
  { name: "F14: best_of: 2 is refused", ...complete({ best_of: 2 }), ...refused("best_of") },
  { name: "F14: an empty prompt", ...complete({ prompt: "" }), status: 200 },
  {
    name: "F14: dimensions",
    path: "/v1/embeddings",
    body: { model: "embedder", input: "w7", dimensions: 2 },
    status: 200,
    says: [/"embedding":\[[-\d.e]+,[-\d.e]+\]/],
  },
  {
    name: "F14: a last message by the assistant is continued",
    ...script("①", {
      messages: [...user("①"), { role: "assistant", content: "It is " }],
    }),
    status: 200,
  },
  { name: "F14: a model without a template", ...chat(), status: 200, has: COUNTS },
  {
    name: "F14: /infill",
    path: "/infill",
    body: { model: "gap", input_prefix: "w1", input_suffix: "w2", n_predict: 2 },
    status: 200,
    has: { content: " w1 w2", stop: true },
  },
];

/** What is not there says so in OpenAI's words. */
const ABSENT: readonly PeerRow[] = ["audio/speech", "images/generations"]
  .map((path) => ({
    name: `/v1/${path} is not there, in OpenAI's words`,
    path: `/v1/${path}`,
    body: {},
    status: 404,
    has: { error: { type: "invalid_request_error", param: null } },
  }));

const APP = { origin: "app://obsidian.md" };
const PREFLIGHT = {
  "access-control-request-method": "POST",
  "access-control-request-headers": "authorization,content-type",
};

/** F15: pages. */
const PAGES: readonly PeerRow[] = [
  ...["app://obsidian.md", "tauri://localhost", "vscode-webview://x"].map((origin): PeerRow => ({
    name: `F15: a page of ${origin}`,
    ...chat(),
    headers: { origin },
    status: 200,
    sends: { "access-control-allow-origin": new RegExp(`^${origin}$`), vary: /origin/i },
  })),
  ...["null", "file://", "http://localhost:3000", "https://example.com"].map((
    origin,
  ): PeerRow => ({
    name: `F15: a page of ${origin} that is not listed and has no key`,
    ...chat(),
    headers: { origin },
    status: 403,
    has: { error: { code: "forbidden" } },
  })),
  {
    name: "F15: a preflight is answered",
    path: CHAT,
    method: "OPTIONS",
    headers: { ...PREFLIGHT, origin: "http://localhost:3000" },
    status: 204,
    sends: {
      "access-control-allow-origin": /^http:\/\/localhost:3000$/,
      "access-control-allow-headers": /authorization/i,
      "access-control-allow-methods": /POST/,
    },
  },
  {
    name: "F15: an error can be read by a listed page",
    ...chat({ model: "none" }),
    headers: APP,
    status: 404,
    sends: { "access-control-allow-origin": /^app:\/\/obsidian\.md$/ },
  },
];

const logprobs = (count: number) => ({ logprobs: true, top_logprobs: count });

/** From llama-server's and vLLM's tests. */
const BEYOND: readonly PeerRow[] = [
  { name: "seed: -1", ...chat({ seed: -1 }), status: 200 },
  { name: "a seed of 64 bits", ...chat({ seed: 2 ** 52 + 1 }), status: 200, has: COUNTS },
  {
    name: "logit_bias as pairs, with false and a text as key",
    ...chat({ logit_bias: [[5, false], ["w9", -1]] }),
    status: 200,
  },
  { name: "frequency_penalty beyond 2", ...chat({ frequency_penalty: 2 }), status: 200 },
  {
    name: "logprobs: true on completions",
    ...complete({ logprobs: true }),
    status: 200,
    says: [/"token_logprobs":\[/],
  },
  {
    name: "top_logprobs: 5 gives five, before sampling",
    ...chat({ ...logprobs(5), temperature: 0, max_tokens: 1 }),
    status: 200,
    says: [/"top_logprobs":\[(\{[^{}]*\},){4}\{[^{}]*\}\]/],
  },
  {
    name: "post_sampling_probs",
    ...chat({ ...logprobs(2), post_sampling_probs: true }),
    status: 200,
  },
  ...Object.entries({
    ...{ ignore_eos: true, min_tokens: 2, typical_p: 0.5, top_n_sigma: 1, min_keep: 3 },
    ...{
      mirostat: 1,
      mirostat_tau: 5,
      mirostat_eta: 0.2,
      xtc_probability: 0.5,
      xtc_threshold: 0.2,
    },
    ...{ dry_multiplier: 0.8, dry_base: 2, dry_allowed_length: 1, dry_penalty_last_n: 9 },
    ...{ dry_sequence_breakers: ["\n"], dynatemp_range: 0.5, dynatemp_exponent: 2 },
    ...{ samplers: ["top_k"], repeat_last_n: 0, stop_token_ids: [5] },
  }).map(([field, value]): PeerRow => ({
    name: `${field} is done`,
    ...chat({ [field]: value }),
    status: 200,
    has: { object: "chat.completion" },
  })),
  ...Object.entries({
    adaptive_target: 0.5,
    lora: [{ id: 0, scale: 0.5 }],
    t_max_predict_ms: 5,
    response_fields: ["content"],
    return_token_ids: true,
    echo: true,
    parse_tool_calls: false,
    logits_processors: ["a"],
  }).map(([field, value]): PeerRow => ({
    name: `${field} is refused by name`,
    ...chat({ [field]: value }),
    ...refused(field),
  })),
  ...Object.entries({ add_special_tokens: false, return_tokens_as_token_ids: true }).map((
    [field, value],
  ): PeerRow => ({
    name: `${field} of a completion is refused by name`,
    ...complete({ [field]: value }),
    ...refused(field),
  })),
  ...Object.entries({
    ...{ raw_scores: true, max_tokens_per_doc: 4, rank_fields: ["title"], max_chunks_per_doc: 1 },
  }).map(([field, value]): PeerRow => ({
    name: `${field} of a rerank is refused by name`,
    path: "/v1/rerank",
    body: { ...RANK, [field]: value },
    ...refused(field),
  })),
  ...Object.entries({ truncate_prompt_tokens: 4, embd_normalize: 1, normalize: false }).map((
    [field, value],
  ): PeerRow => ({
    name: `${field} of embeddings is refused by name`,
    path: "/v1/embeddings",
    body: { model: "embedder", input: "w7", [field]: value },
    ...refused(field),
  })),
  {
    name: "think: false is enable_thinking: false",
    ...script("①", { think: false }),
    path: "/apply-template",
    status: 200,
    says: [/<think>\\n\\n<\/think>/],
  },
  ...Object.entries({
    ...{ cache_prompt: true, id_slot: 0, n_keep: 3, user: "u", t_max_predict_ms: -1 },
  }).map((
    [field, value],
  ): PeerRow => ({
    name: `${field} is ignored: it changes no answer`,
    ...chat({ [field]: value }),
    status: 200,
    has: COUNTS,
  })),
  {
    name: "timings",
    ...chat(),
    status: 200,
    says: [/"timings":{"cache_n":\d+,"prompt_n":\d+,"prompt_ms":/, /"predicted_n":3/],
  },
  {
    name: "x-request-id is echoed",
    ...chat(),
    headers: { "x-request-id": "req-17" },
    status: 200,
    sends: { "x-request-id": /^req-17$/ },
  },
  ...[
    chat(),
    complete(),
    { path: "/v1/messages", body: { model: "counter", max_tokens: 3, messages: W7 } },
    { path: "/v1/responses", body: { model: "counter", input: "w7", max_output_tokens: 3 } },
    { path: "/api/chat", body: { model: "counter", messages: W7, options: { num_predict: 3 } } },
    { path: "/api/generate", body: { model: "counter", prompt: "w7", raw: true } },
    { path: "/infill", body: { model: "gap", input_prefix: "w1", input_suffix: "", n_predict: 1 } },
  ].map((request): PeerRow => ({
    name: `Idempotency-Key on ${request.path}`,
    ...request,
    headers: { "idempotency-key": `peer${request.path.replaceAll("/", "-")}` },
    status: 200,
  })),
  {
    name: "param is null in faults of JSON",
    path: CHAT,
    body: "{",
    status: 400,
    has: { error: { param: null, type: "invalid_request_error" } },
  },
  {
    name: "a gzip body that is none",
    path: CHAT,
    body: "{}",
    headers: { "content-encoding": "gzip" },
    status: 415,
    has: { error: { type: "invalid_request_error" } },
  },
];

/** All rows. */
export const PEER_ROWS: readonly PeerRow[] = [
  ...RESPONSES,
  ...MESSAGES,
  ...SCHEMAS,
  ...OVERFLOWS,
  ...CONSTRAINTS,
  ...OLLAMA,
  ...CALLS,
  ...PATHS,
  ...RERANKS,
  ...LIMITS,
  ...MODELS,
  ...PICTURES,
  ...TEXTS,
  ...ABSENT,
  ...PAGES,
  ...BEYOND,
];
