/** What the programs of this folder share; `../run_clients.ts` starts them. */

/** Where the stack listens. */
export const URL_V1 = `${env("LLORCH_URL")}/v1`;

function env(name: string): string {
  const value = Deno.env.get(name);
  if (value === undefined) throw new Error(`${name} is not set: start me by run_clients.ts`);
  return value;
}

/** The numbers that a model's words say. */
export function numbers(text: string): number[] {
  return (text.match(/\d+/g) ?? []).map(Number);
}

/** From, from + 1, … */
export function range(from: number, length: number): number[] {
  return Array.from({ length }, (_, index) => from + index);
}

/** Waits until no job waits or runs. */
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
