/** Shared code of the programs in this folder; `../run_clients.ts` starts them. */

/** Base URL of the stack's `/v1`. */
export const URL_V1 = `${env("LLORCH_URL")}/v1`;

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
        await (await fetch(`${env("LLORCH_URL")}/v2/${name}`)).json()
      ),
    );
    if (depth === 0 && workers.every((each: { active: number }) => each.active === 0)) return;
    if (performance.now() > giveUp) throw new Error("Jobs still run");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
