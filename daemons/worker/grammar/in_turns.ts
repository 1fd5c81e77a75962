export { atOnce, inTurns, type Making } from "#shared/in_turns.ts";
