import { createHash } from "node:crypto";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/**
 * The id of a job's call: nine letters and digits, as some models' chat templates require. It is the
 * same for each attempt of the job.
 *
 * @param index Which call of the answer, from 0.
 */
export function callId(jobId: string, index: number): string {
  const hash = createHash("sha256").update(`${jobId} ${index}`).digest();
  return Array.from(hash.subarray(0, 9), (value) => LETTERS[value % LETTERS.length]).join("");
}
