import type { OutgoingHttpHeaders } from "node:http";

/** Headers as `node:http` writes them. `forEach` costs half of what iterating over them does. */
export function headerRecord(headers: Headers): OutgoingHttpHeaders {
  const record: OutgoingHttpHeaders = {};
  headers.forEach((value, name) => record[name] = value);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) record["set-cookie"] = cookies;
  return record;
}
