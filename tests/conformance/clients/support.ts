/** Shared code of the programs in this folder; `../run_clients.ts` starts them. */

/** Address of the stack. */
export const URL_ROOT = env("LLORCH_URL");

/** Base URL of the stack's `/v1`. */
export const URL_V1 = `${URL_ROOT}/v1`;

/** What lets the script model call `get_hour`, and what lets it answer when it has the hour. */
export const ASKS = { call: "What is the time in Oslo? ②", answer: "12:00 ①" } as const;

/** What the script model says. */
export const SAYS = {
  answer: "It is noon in Oslo.",
  thought: "I look at the clock.",
  thoughtOfCall: "I ask for the hour.",
} as const;

/** The parameters of `get_hour`. */
export const HOUR_SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
} as const;

function env(name: string): string {
  const value = Deno.env.get(name);
  if (value === undefined) throw new Error(`${name} is not set: start this with run_clients.ts`);
  return value;
}

/** The numbers in a model's text. */
export function numbers(text: string): number[] {
  return (text.match(/\d+/g) ?? []).map(Number);
}

/** `length` numbers: from, from + 1, … */
export function range(from: number, length: number): number[] {
  return Array.from({ length }, (_, index) => from + index);
}

/** Waits until no job is queued or running. */
export async function idle(): Promise<void> {
  for (const giveUp = performance.now() + 20_000;;) {
    const [{ depth }, { workers }] = await Promise.all(
      ["queue", "workers"].map(async (name) =>
        await (await fetch(`${URL_ROOT}/v2/${name}`)).json()
      ),
    );
    if (depth === 0 && workers.every((each: { active: number }) => each.active === 0)) return;
    if (performance.now() > giveUp) throw new Error("Jobs still run");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
