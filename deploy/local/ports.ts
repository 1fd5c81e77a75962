import { LOOPBACK } from "#shared/defaults.ts";

/** Whether a port can be listened on now. */
export function isPortFree(port: number): boolean {
  if (port === 0) return true;
  try {
    Deno.listen({ hostname: LOOPBACK, port }).close();
    return true;
  } catch {
    return false;
  }
}
