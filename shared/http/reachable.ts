/** The address at which this machine reaches a listener that is bound to `address`. */
export function reachable(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}
