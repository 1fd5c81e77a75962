import { type Answer, fromEvents, type RawEvent, type TokenData, tokensOf } from "./answers.ts";
import { faultsOf, offersTools, shownMarks, TOOLS } from "./expectations.ts";
import { argumentsJson } from "./calls.ts";
import { CALLS, type Family, type ScriptName, SCRIPTS, THOUGHT } from "./families.ts";
import { scriptWord } from "../../support/script_model.ts";

/** The columns of the table. */
export const COLUMNS = [
  "template",
  "thoughts",
  "single",
  "parallel",
  "streamed",
  "resumed",
] as const;
export type Column = typeof COLUMNS[number];

/** A family's row: what is wrong in each column, `""` if nothing is; `-` where the family has nothing there. */
export type Row = { readonly [column in Column]: string };

/** Sends a request to a worker; all events to its end. */
export type Execute = (fields: Record<string, unknown>) => Promise<RawEvent[]>;

/** Whether a cell is as it should be. */
export const isGood = (cell: string) => cell === "" || cell === "-";

/** Asks the model of a family, and compares. */
export async function rowOf(family: Family, execute: Execute): Promise<Row> {
  const events = {} as { [name in ScriptName]: RawEvent[] | Error };
  for (const script of SCRIPTS) events[script] = await attempt(() => execute(ask(family, script)));
  const answers = Object.fromEntries(
    Object.entries(events).map(([name, each]) => [name, read(each)]),
  ) as { [name in ScriptName]: Answer | string };
  const hasParallel = family.parallel !== false;
  return {
    template: await history(family, execute),
    thoughts: family.thought ? checked(answers.text, (each) => contentFaults(family, each)) : "-",
    single: checked(answers.single, (each) => firstFault(family, "single", each)),
    parallel: hasParallel
      ? checked(answers.parallel, (each) => firstFault(family, "parallel", each))
      : "-",
    streamed: checked(answers.single, (each) => isStreamed(family, each)),
    resumed: await resumed(family, hasParallel ? "parallel" : "single", events, execute),
  };
}

/** The request that lets the model say a script. */
export function ask(family: Family, script: ScriptName): Record<string, unknown> {
  const { thinking } = family;
  return {
    messages: [{ role: "user", content: `Say ${scriptWord(SCRIPTS.indexOf(script))}` }],
    ...(offersTools(script) ? { tools: TOOLS } : {}),
    ...(thinking ? { chat_template_kwargs: thinking } : {}),
    temperature: 0,
  };
}

/** A chat whose history has all that there is: it must be rendered. */
async function history(family: Family, execute: Execute): Promise<string> {
  const calls = family.parallel === false ? CALLS.slice(0, 1) : CALLS;
  const first = ask(family, "text");
  const events = await attempt(() =>
    execute({
      ...first,
      tools: TOOLS,
      max_tokens: 1,
      messages: [
        { role: "user", content: "Where, and at what time?" },
        {
          role: "assistant",
          content: "",
          ...(family.thought ? { reasoning_content: THOUGHT } : {}),
          tool_calls: calls.map((call, index) => ({
            id: `call0000${index}`,
            type: "function",
            function: { name: call.name, arguments: argumentsJson(call) },
          })),
        },
        ...calls.map((_, index) => ({
          role: "tool",
          content: `result ${index}`,
          tool_call_id: `call0000${index}`,
        })),
      ],
    })
  );
  return checked(read(events), () => "");
}

function contentFaults(family: Family, answer: Answer): string {
  const { thought, content, reason } = faultsOf(family, "text", answer);
  return thought ?? content ?? reason ?? marks(family, answer);
}

function firstFault(family: Family, script: ScriptName, answer: Answer): string {
  const { calls, thought, content, reason } = faultsOf(family, script, answer);
  return calls ?? thought ?? content ?? reason ?? marks(family, answer);
}

function marks(family: Family, answer: Answer): string {
  const shown = shownMarks(family, answer);
  return shown.length === 0 ? "" : `shows ${shown.join(" ")}`;
}

/** Whether thought and arguments come in pieces as they grow. */
function isStreamed(family: Family, answer: Answer): string {
  const { pieces } = answer;
  if (family.thought && pieces.reasoning < 3) return `thought in ${pieces.reasoning} pieces`;
  return (pieces.calls[0] ?? 0) < 3 ? `arguments in ${pieces.calls[0] ?? 0} pieces` : "";
}

/** Goes on after a third and two thirds of the events, as another worker does: nothing may differ. */
async function resumed(
  family: Family,
  calling: ScriptName,
  events: { readonly [name in ScriptName]: RawEvent[] | Error },
  execute: Execute,
): Promise<string> {
  for (const script of ["text", calling] as const) {
    const whole = events[script];
    if (whole instanceof Error) return whole.message;
    const tokens = tokensOf(whole);
    for (const part of [1 / 3, 2 / 3]) {
      const sent = tokens.slice(0, Math.ceil(tokens.length * part));
      if (sent.length === 0) return `${script}: no event to go on after`;
      const rest = await attempt(() =>
        execute({
          ...ask(family, script),
          resume_index: sent.length,
          resume_tokens: sent.flatMap(({ ids = [] }) => ids),
        })
      );
      if (rest instanceof Error) return rest.message;
      const fault = difference(whole, [...whole.filter(isToken).slice(0, sent.length), ...rest]);
      if (fault) return `${script}: ${fault}`;
    }
  }
  return "";
}

const isToken = ({ event }: RawEvent) => event === "token";

/** Where two streams of the same job differ, as a client sees them. */
function difference(whole: readonly RawEvent[], other: readonly RawEvent[]): string {
  const flat = (events: readonly RawEvent[]) => tokensOf(events).map(shown);
  const [a, b] = [flat(whole), flat(other)];
  const at = a.findIndex((each, index) => each !== b[index]);
  if (at >= 0) return `event ${at} is ${b[at]} instead of ${a[at]}`;
  if (a.length !== b.length) return `${b.length} events instead of ${a.length}`;
  const ends = [whole, other].map((events) => JSON.stringify(fromEvents(events)));
  return ends[0] === ends[1] ? "" : `ends with ${ends[1]} instead of ${ends[0]}`;
}

function shown({ t, i, ids, channel, call }: TokenData): string {
  return JSON.stringify({ t, i, ids, channel, call });
}

async function attempt<T>(work: () => Promise<T>): Promise<T | Error> {
  try {
    return await work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function read(events: RawEvent[] | Error): Answer | string {
  if (events instanceof Error) return events.message;
  try {
    return fromEvents(events);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function checked(answer: Answer | string, check: (answer: Answer) => string): string {
  return typeof answer === "string" ? answer : check(answer);
}

/** Lines of the table: one each of its head, a row, and how many cells of each column are good. */
export class TableLines {
  readonly #width: number;
  readonly #rows: Row[] = [];

  constructor(names: readonly string[]) {
    this.#width = Math.max(...names.map((name) => name.length));
  }

  get head(): string {
    return this.#line("", COLUMNS);
  }

  row(name: string, row: Row): string {
    this.#rows.push(row);
    return this.#line(
      name,
      COLUMNS.map((column) => row[column] === "-" ? "-" : row[column] ? "no" : "yes"),
    );
  }

  get sums(): string {
    return this.#line(
      "",
      COLUMNS.map((column) => {
        const asked = this.#rows.filter((row) => row[column] !== "-");
        return `${asked.filter((row) => row[column] === "").length}/${asked.length}`;
      }),
    );
  }

  #line(name: string, cells: readonly string[]): string {
    const padded = cells.map((cell, index) => cell.padEnd(COLUMNS[index]!.length));
    return [name.padEnd(this.#width), ...padded].join("  ").trimEnd();
  }
}
