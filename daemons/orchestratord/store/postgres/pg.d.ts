/** The part of `npm:pg` that the store uses. */
import type { EventEmitter } from "node:events";

export interface QueryConfig {
  readonly text: string;
  readonly values?: readonly unknown[];
  readonly name?: string;
}

export interface QueryResult {
  readonly rows: Record<string, unknown>[];
  readonly rowCount: number | null;
}

export interface TypeParsers {
  getTypeParser(oid: number, format?: string): (text: string) => unknown;
}

export const types: TypeParsers;

export class Client extends EventEmitter {
  constructor(config: Readonly<Record<string, unknown>>);
  binary: boolean;
  readonly connectionParameters: { replication: unknown };
  connect(): Promise<void>;
  query(query: QueryConfig): Promise<QueryResult>;
  end(): Promise<void>;
}
