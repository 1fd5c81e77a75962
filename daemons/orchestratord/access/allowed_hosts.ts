import { type FieldError, invalidRequest } from "#shared/errors.ts";
import { type HostSet, isSecretHost } from "#shared/net/addresses.ts";

/** The addresses in a pool's report that orchestratord will call. */
export interface Addresses {
  readonly endpoint?: string | undefined;
  readonly workers: readonly { readonly uri?: string | undefined }[];
}

/**
 * Refuses a report with an address that orchestratord must not call.
 *
 * @param allowed Undefined to allow all hosts except metadata services and the like.
 * @throws {LlorchError} `INVALID_REQUEST`
 */
export function checkAddresses(report: Addresses, allowed: HostSet | undefined): void {
  const errors: FieldError[] = [];
  const check = (field: string, url: string | undefined) => {
    const wrong = url === undefined ? undefined : wrongWith(url, allowed);
    if (wrong !== undefined) errors.push({ field, message: wrong });
  };
  check("endpoint", report.endpoint);
  report.workers.forEach(({ uri }, index) => check(`workers.${index}.uri`, uri));
  if (errors.length > 0) throw invalidRequest(errors);
}

function wrongWith(text: string, allowed: HostSet | undefined): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return "must be an http or https URL";
  if (url.username !== "" || url.password !== "") return "must not carry a user or password";
  const isAllowed = allowed ? allowed.has(url.hostname) : !isSecretHost(url.hostname);
  if (isAllowed) return undefined;
  return `${url.hostname} may not be called; orchestratord's pools.allowed_hosts lists the allowed hosts`;
}
