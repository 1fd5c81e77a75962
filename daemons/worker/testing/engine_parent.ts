/**
 * Starts a server that sleeps, prints its process group, and waits to be killed. A test then checks
 * that the server ends too.
 *
 * @module
 */
import { startEngine } from "../servers/process.ts";

console.log(startEngine(["sleep", "1000"], { PATH: Deno.env.get("PATH") ?? "" }).group);
await new Promise(() => setInterval(() => {}, 1000));
