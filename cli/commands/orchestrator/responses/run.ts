import { columns, table } from "#shared/columns.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import type { ListedResponseView, ResponseObject } from "#shared/contracts/responses/responses.ts";
import { EXIT } from "#shared/defaults.ts";
import { formatDuration } from "#shared/duration.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import type { Invocation } from "../../../command.ts";
import type { Context } from "../../../context.ts";
import { connect } from "../../../daemons/connect.ts";
import { idWord } from "../../../daemons/id_word.ts";
import { ORCHESTRATORD } from "../../../daemons/kind.ts";
import { formatBytes } from "../../../output/bytes.ts";
import type { CommonOptions, ListOptions } from "./options.ts";

/** Most responses in one page of the service's list. */
const PAGE = 100;

/** The command that lists ids. */
const LIST = "llorch orchestrator responses list";

/** `llorch orchestrator responses list` */
export async function list(
  { options }: Invocation<ListOptions>,
  context: Context,
): Promise<number> {
  const client = await connect(ORCHESTRATORD, options, context);
  const responses = await fetchResponses(client, options.limit ?? 20);
  if (options.json) context.stdout.write(JSON.stringify({ responses }) + "\n");
  else if (responses.length === 0) context.stderr.write("There are no stored responses\n");
  else context.stdout.write(render(responses, Date.now(), context.stdout.width));
  return EXIT.ok;
}

async function fetchResponses(client: Client, limit: number): Promise<ListedResponseView[]> {
  const responses: ListedResponseView[] = [];
  while (responses.length < limit) {
    const after = responses.at(-1)?.id;
    const { data, has_more } = await client.call(routes.listResponses, {
      query: { limit: Math.min(PAGE, limit - responses.length), ...(after ? { after } : {}) },
    });
    responses.push(...data);
    if (!has_more) break;
  }
  return responses;
}

function render(
  responses: readonly ListedResponseView[],
  now: number,
  width: number | undefined,
): string {
  const ago = (seconds: number) => `${formatDuration(Math.max(0, now - seconds * 1000))} ago`;
  const rows = responses.map(({ id, status, model, created_at, used_at, bytes }) => [
    id,
    status,
    model,
    ago(created_at),
    ago(used_at),
    formatBytes(bytes),
  ]);
  const head = ["RESPONSE", "STATUS", "MODEL", "CREATED", "USED", "SIZE"];
  return table(head, rows, { width }).join("\n") + "\n";
}

/** `llorch orchestrator responses show` */
export async function show(
  { args, options }: Invocation<CommonOptions>,
  context: Context,
): Promise<number> {
  const id = idWord(args, "response", LIST);
  const client = await connect(ORCHESTRATORD, options, context);
  const { signal, stdout } = context;
  const response = await client.call(routes.getResponse, { params: { id }, query: {} }, { signal });
  if (options.json) stdout.write(JSON.stringify(response) + "\n");
  else {
    stdout.write(columns(facts(response), { width: stdout.width }).join("\n") + "\n");
    const text = textOf(response);
    if (text !== "") stdout.write(`\n${text}\n`);
  }
  return EXIT.ok;
}

/** What is known of a response, as rows of a name and a value. */
function facts(response: ResponseObject): string[][] {
  const { usage, error, incomplete_details: incomplete, previous_response_id: previous } = response;
  const tools = response.output.flatMap((item) =>
    item.type === "function_call" ? [["call", `${item.name} ${item.arguments}`]] : []
  );
  return [
    ["response", response.id],
    ["status", response.status],
    ["model", response.model],
    ["created", new Date(response.created_at * 1000).toISOString()],
    ...(previous === null ? [] : [["continues", previous]]),
    ...(usage ? [["tokens", `${usage.input_tokens} in, ${usage.output_tokens} out`]] : []),
    ...(incomplete ? [["cut by", incomplete.reason]] : []),
    ...(error ? [["error", `${error.code}: ${error.message}`]] : []),
    ...tools,
  ];
}

/** The text that the model said, without thoughts. */
function textOf({ output }: ResponseObject): string {
  return output
    .flatMap((item) => item.type === "message" ? item.content.map(({ text }) => text) : [])
    .join("\n");
}

/**
 * `llorch orchestrator responses cancel`
 *
 * @returns 1 when one of them could not be cancelled; the others are
 */
export function cancel(invocation: Invocation<CommonOptions>, context: Context): Promise<number> {
  return each(invocation, context, async (client, id) => {
    const { status } = await client.call(routes.cancelResponse, { params: { id } });
    return { id, status };
  });
}

/**
 * `llorch orchestrator responses delete`
 *
 * @returns 1 when one of them could not be deleted; the others are
 */
export function remove(invocation: Invocation<CommonOptions>, context: Context): Promise<number> {
  return each(invocation, context, async (client, id) => {
    await client.call(routes.deleteResponse, { params: { id } });
    return { id, status: "deleted" };
  });
}

async function each(
  { args, options }: Invocation<CommonOptions>,
  context: Context,
  change: (client: Client, id: string) => Promise<{ id: string; status: string }>,
): Promise<number> {
  const client = await connect(ORCHESTRATORD, options, context);
  const responses: { id: string; status: string }[] = [];
  let code: number = EXIT.ok;
  for (const word of args) {
    const id = idWord([word], "response", LIST);
    try {
      responses.push(await change(client, id));
    } catch (error) {
      if (!(error instanceof LlorchError)) throw error;
      context.stderr.write(`llorch: ${errorMessage(error)}\n`);
      code = EXIT.failed;
    }
  }
  if (options.json) context.stdout.write(JSON.stringify({ responses }) + "\n");
  else {
    for (const line of columns(responses.map(({ id, status }) => [id, status]))) {
      context.stdout.write(line + "\n");
    }
  }
  return code;
}
