import { z } from "zod";

/** Body of `POST /v2/session`, which signs a browser in. */
export const signIn = z.strictObject({
  key: z.string().min(1).max(500).meta({ description: "An API key, or the daemons' token" }),
}).meta({ id: "SignIn" });

/** Name and role of the caller. */
export const sessionView = z.object({
  role: z.enum(["client", "operator"]),
  name: z.string().optional().meta({
    description: "The API key's name; absent for the daemons' token",
  }),
  is_open: z.boolean().meta({ description: "No token is configured: everyone may do everything" }),
}).meta({ id: "Session" });

/** Name and role of the caller. */
export type SessionView = z.output<typeof sessionView>;
