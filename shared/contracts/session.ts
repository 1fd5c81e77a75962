import { z } from "zod";

/** `POST /v2/session`: signs a browser in. */
export const signIn = z.strictObject({
  key: z.string().min(1).max(500).meta({ description: "An API key, or the daemons' token" }),
}).meta({ id: "SignIn" });

/** Who is calling, and what it may do. */
export const sessionView = z.strictObject({
  role: z.enum(["client", "operator"]),
  name: z.string().optional().meta({
    description: "Of the API key; absent for the daemons' token",
  }),
  is_open: z.boolean().meta({ description: "There is no token: everybody may do everything" }),
}).meta({ id: "Session" });

/** Who is calling. */
export type SessionView = z.output<typeof sessionView>;
