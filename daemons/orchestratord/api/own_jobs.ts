import type { Caller } from "#shared/http/app.ts";

/** The tenant whose jobs a caller may see and cancel; undefined for all jobs. */
export function boundTo(caller: Caller | undefined): string | undefined {
  return caller?.role === "client" ? caller.keyId : undefined;
}

/** Whether a caller may see and cancel a job of this tenant. */
export function mayTouch(caller: Caller | undefined, tenant: string): boolean {
  const bound = boundTo(caller);
  return bound === undefined || bound === tenant;
}

/** A caller's idempotency key, kept apart from those of other API keys by a prefix and a space. */
export function scopedKey(caller: Caller | undefined, key: string | undefined): string | undefined {
  return caller && key !== undefined ? `${caller.keyId} ${key}` : key;
}
