import { fileRoutes as routes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App, Caller } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import type { FileStore, ListedFile } from "../../store/file_store.ts";
import { boundTo } from "../own_jobs.ts";
import { contentDisposition } from "./names.ts";
import { fileView, ownFile } from "./own_file.ts";
import { takeUpload } from "./upload.ts";

/** `/v1/files…`: inputs and outputs of batches. */
export function mountFiles(app: App, orchestrator: Orchestrator): void {
  const { clock, config, store } = orchestrator;

  const used = async (id: string, caller: Caller | undefined): Promise<ListedFile> => {
    const file = await ownFile(orchestrator, id, caller);
    await store.files.touch(id, clock.now());
    return file;
  };

  app.mount(routes.uploadFile, async ({ request, caller, log }) => {
    const file = await takeUpload(orchestrator, request, caller);
    await store.sync();
    log.info("file_uploaded", { file_id: file.id, bytes: file.bytes, lines: file.lines });
    return fileView(file);
  });

  app.mount(routes.listFiles, async ({ query: { purpose, limit, order, after }, caller }) => {
    const last = after === undefined ? undefined : await ownFile(orchestrator, after, caller);
    const files = await store.files.page({
      tenant: boundTo(caller),
      purpose,
      after: last?.seq,
      isOldestFirst: order === "asc",
      limit: limit + 1,
    });
    const data = files.slice(0, limit).map(fileView);
    return {
      object: "list" as const,
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: files.length > limit,
    };
  });

  app.mount(routes.fileContent, async ({ params, caller }) => {
    const file = await used(params.id, caller);
    return new Response(download(store.files, file, config.streams.slow_reader_ms), {
      headers: {
        "content-type": "application/octet-stream",
        "content-length": String(file.bytes),
        "content-disposition": contentDisposition(file.name),
        "cache-control": "no-store",
      },
    });
  });

  app.mount(routes.getFile, async ({ params, caller }) => fileView(await used(params.id, caller)));

  app.mount(routes.deleteFile, async ({ params: { id }, caller }) => {
    const file = await ownFile(orchestrator, id, caller);
    const batch = (await store.batches.unfinished()).find((each) => each.inputFileId === file.id);
    if (batch) {
      throw new LlorchError(
        "CONFLICT",
        `Cannot delete file "${file.id}": batch "${batch.id}" needs it; cancel that first`,
      );
    }
    await store.files.remove(file.id);
    return { id: file.id, object: "file" as const, deleted: true as const };
  });
}

/**
 * The content of a file, part by part as the client reads it.
 *
 * @param slowMs A client that reads nothing for this long is cut off, in ms.
 */
function download(
  files: FileStore,
  { id, parts }: ListedFile,
  slowMs: number,
): ReadableStream<Uint8Array> {
  let part = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(timer);
      if (part === parts) return controller.close();
      const data = await files.read(id, part++);
      if (!data) return controller.error(new Error("The file was removed while it was read"));
      controller.enqueue(data);
      timer = setTimeout(() => controller.error(new Error("The client reads nothing")), slowMs);
    },
    cancel: () => clearTimeout(timer),
  }, { highWaterMark: 0 });
}
