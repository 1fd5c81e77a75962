/**
 * The report of a pool that an order rests on, as the `X-Llorch-Report` header says it: the instance, a slash and the
 * report's sequence number.
 *
 * @module
 */

/** The name of a report; undefined for one without a number, of an older pool manager. */
export function reportName(instanceId: string, sequence: number | undefined): string | undefined {
  return sequence === undefined ? undefined : `${instanceId}/${sequence}`;
}

/** The sequence number in the name of a report of an instance; undefined if it is of another one, or no name. */
export function sequenceOf(name: string, instanceId: string): number | undefined {
  if (!name.startsWith(`${instanceId}/`)) return undefined;
  const sequence = Number(name.slice(instanceId.length + 1));
  return Number.isSafeInteger(sequence) ? sequence : undefined;
}
