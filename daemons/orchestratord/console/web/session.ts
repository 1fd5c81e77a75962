import type { SessionView } from "#shared/contracts/mod.ts";
import { createContext } from "preact";
import { useContext } from "preact/hooks";

/** Who is signed in. */
export const SessionContext = createContext<SessionView | undefined>(undefined);

/** Whether an operator is signed in, who may change things. */
export function useIsOperator(): boolean {
  return useContext(SessionContext)?.role === "operator";
}
