import { useContext } from "preact/hooks";
import { SessionContext } from "../session.ts";
import { Name } from "./name.tsx";

/** Whose job something is: the name of an API key, or that it came without one. */
export function Owner({ name }: { name: string | undefined }) {
  const isOpen = useContext(SessionContext)?.is_open === true;
  if (name !== undefined) return <Name>{name}</Name>;
  return <span class="dim">{isOpen ? "no key" : "admin token"}</span>;
}
