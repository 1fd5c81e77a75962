/**
 * Starts a server that sleeps, prints its process group, and waits to be killed: for a test of what
 * becomes of the server then.
 *
 * @module
 */
import { startEngine } from "../servers/process.ts";

console.log(startEngine(["sleep", "1000"], { PATH: Deno.env.get("PATH") ?? "" }).group);
await new Promise(() => setInterval(() => {}, 1000));
