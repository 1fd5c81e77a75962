/**
 * Every request, reply, event and error that crosses a process border, as zod schemas and route
 * descriptors.
 *
 * @module
 */
export * from "./activity.ts";
export * from "./anthropic/dialect.ts";
export * from "./anthropic/messages.ts";
export * from "./anthropic/routes.ts";
export * from "./cluster.ts";
export * from "./common.ts";
export * from "./dialect.ts";
export * from "./events.ts";
export * from "./job.ts";
export * from "./keys.ts";
export * from "./loading.ts";
export type * from "./messages.ts";
export * from "./llamacpp/completion.ts";
export * from "./llamacpp/dialect.ts";
export * from "./llamacpp/infill.ts";
export * from "./llamacpp/props.ts";
export * from "./llamacpp/routes.ts";
export * from "./llamacpp/tokens.ts";
export * from "./names.ts";
export * from "./ollama/dialect.ts";
export * from "./ollama/generate.ts";
export * from "./ollama/models.ts";
export * from "./ollama/options.ts";
export * from "./ollama/routes.ts";
export * from "./openai/batches.ts";
export * from "./openai/chat.ts";
export * from "./openai/common.ts";
export * from "./openai/completions.ts";
export * from "./openai/dialect.ts";
export * from "./openai/embeddings.ts";
export * from "./openai/files.ts";
export * from "./openai/transcriptions.ts";
export * from "./openai/lenient.ts";
export * from "./openai/routes.ts";
export * from "./openai/tool_choice.ts";
export * from "./orchestrator_routes.ts";
export * from "./images.ts";
export * from "./place.ts";
export * from "./pool.ts";
export * from "./pool_routes.ts";
export * from "./request.ts";
export * from "./sampling.ts";
export * from "./responses/items.ts";
export * from "./responses/responses.ts";
export * from "./responses/routes.ts";
export * from "./route.ts";
export * from "./session.ts";
export * from "./tools.ts";
export * from "./worker.ts";
