const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** A new name for a call: nine letters and digits, as some models' chat templates demand. */
export function callId(): string {
  const random = crypto.getRandomValues(new Uint8Array(9));
  return Array.from(random, (value) => LETTERS[value % LETTERS.length]).join("");
}
