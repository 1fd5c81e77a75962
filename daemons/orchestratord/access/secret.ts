import { newSecret } from "#shared/secrets.ts";

/** `llorch_<id>_<random>`: whoever finds one somewhere sees what it is. */
const SECRET = /^llorch_([0-9a-f]{12})_[0-9a-f]{64}$/;

/** A new API key: its id, which is no secret, and the secret that contains it. */
export function newKeySecret(): { readonly keyId: string; readonly secret: string } {
  const keyId = newSecret().slice(0, 12);
  return { keyId, secret: `llorch_${keyId}_${newSecret()}` };
}

/** The id inside a secret; undefined for what is no API key. */
export function keyIdOf(secret: string): string | undefined {
  return SECRET.exec(secret)?.[1];
}
