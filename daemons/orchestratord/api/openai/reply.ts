import {
  type EndData,
  fallbackOf,
  type JobEvent,
  type OpenAIUsage,
} from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { type GenerateRequest, usageOf } from "./task.ts";

/** Shared by the translators of chats and completions: the head of each chunk, the ends of choices, and usage. */
export class Reply {
  #head: { id: string; created: number; model: string; system_fingerprint: null };
  readonly #n: number;
  readonly #choices: number;
  readonly #wantsUsage: boolean;
  readonly #ends: EndData[] = [];

  /**
   * @param id Id of the answer.
   * @param createdAt ms since the epoch
   * @param choices Number of choices of all prompts together.
   */
  constructor(id: string, createdAt: number, request: GenerateRequest, choices: number) {
    const created = Math.floor(createdAt / 1000);
    this.#head = { id, created, model: request.model, system_fingerprint: null };
    this.#n = request.n ?? 1;
    this.#choices = choices;
    this.#wantsUsage = request.stream_options?.include_usage ?? false;
  }

  /** First fields of the answer and of each chunk. */
  get head() {
    return this.#head;
  }

  /** Notes which model answers. */
  take(event: JobEvent): void {
    const model = fallbackOf(event);
    if (model !== undefined) this.#head = { ...this.#head, model };
  }

  /** Notes the end of a choice. */
  end(choice: number, data: EndData): void {
    this.#ends[choice] = data;
  }

  /**
   * How a choice ended.
   *
   * @throws {LlorchError} `CANCELLED` if it has not
   */
  endOf(choice: number): EndData {
    const end = this.#ends[choice];
    if (!end) throw new LlorchError("CANCELLED", "The client went away");
    return end;
  }

  /** Usage over all choices. */
  usage(): OpenAIUsage {
    const ends = Array.from({ length: this.#choices }, (_, choice) => this.endOf(choice));
    return usageOf(ends, this.#n);
  }

  /** `usage: null`, which every chunk but the last has if the client asked for usage; otherwise empty. */
  get noUsage(): { usage?: null } {
    return this.#wantsUsage ? { usage: null } : {};
  }

  /** The usage for the last chunk, once all choices have ended, if the client asked for it. */
  lastUsage(): OpenAIUsage | undefined {
    const ended = Object.keys(this.#ends).length;
    return this.#wantsUsage && ended === this.#choices ? this.usage() : undefined;
  }
}
