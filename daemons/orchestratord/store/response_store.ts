/** A stored response. Times are ms since the epoch. */
export interface ResponseRow {
  /** `resp_…` */
  readonly id: string;
  /** Owner: the id of its API key; empty if there is none. */
  readonly tenant: string;
  /** The durable job that makes it; undefined if it was stored when it was complete. */
  readonly jobId: string | undefined;
  /** The response that it continues. */
  readonly previousId: string | undefined;
  readonly model: string;
  readonly createdAt: number;
  /** Undefined while its job runs. */
  readonly endedAt: number | undefined;
  /** Last time at which it was read, or used in a chain. */
  readonly usedAt: number;
  /** JSON text of what the client sent, as the API keeps it. */
  readonly request: string;
  /** JSON text of the whole response; undefined while its job runs. */
  readonly response: string | undefined;
}

/** A response of a list, without its texts. */
export interface ListedResponse extends Omit<ResponseRow, "request" | "response"> {
  /** Size of request and response in bytes of UTF-8. */
  readonly bytes: number;
  /** The `status` that the text of the response has; undefined while its job runs. */
  readonly status: string | undefined;
}

/** Which responses a page shows. */
export interface ResponseFilter {
  readonly tenant?: string | undefined;
  /** Only responses that were stored before the one with this id. */
  readonly before?: string | undefined;
  readonly limit: number;
}

/** What one tenant may store. */
export interface ResponseBounds {
  readonly count: number;
  /** Requests and responses together, in bytes of UTF-8. */
  readonly bytes: number;
}

/**
 * Responses that clients read again, or continue. Promises of writes resolve as those of the job store.
 * While the store cannot be written, {@linkcode add} rejects with `NOT_READY`; the other writes wait. Text
 * that is removed leaves the files too.
 */
export interface ResponseStore {
  /** Stores a response; does nothing if the key that owns it is revoked. */
  add(row: ResponseRow): Promise<void>;
  /**
   * Stores the end of a response, which counts as a use; does nothing if it is unknown or has ended.
   *
   * @param response JSON text
   */
  finish(id: string, response: string, endedAt: number): Promise<void>;
  get(id: string): Promise<ResponseRow | undefined>;
  /** Notes a use; does nothing if the response is unknown, or was used later. */
  touch(id: string, at: number): Promise<void>;
  /**
   * Removes a response. What its job was asked and has answered counts as erased, too.
   *
   * @returns whether there was such a response
   */
  remove(id: string): Promise<boolean>;
  /** Responses that have not ended, in the order of their creation. */
  unfinished(): Promise<readonly ResponseRow[]>;
  /** Responses that match a filter, newest first. */
  page(filter: ResponseFilter): Promise<readonly ListedResponse[]>;
  /**
   * Removes ended responses of a tenant, those used longest ago first, until it keeps to its bounds.
   * Unfinished ones count, but stay.
   *
   * @returns the number removed
   */
  trim(tenant: string, most: ResponseBounds): Promise<number>;
  /**
   * Removes all responses of a tenant, unfinished ones too, as {@linkcode remove} does.
   *
   * @returns the number removed
   */
  removeOf(tenant: string): Promise<number>;
  /**
   * Removes ended responses that were last used before a time, in ms since the epoch.
   *
   * @returns the number removed
   */
  expire(usedBefore: number): Promise<number>;
}
