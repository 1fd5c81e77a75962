import { CONSTANTS, FIELDS } from "../c/abi.ts";
import {
  addressOf,
  addressOfBuffer,
  cString,
  pointerAt,
  setFields,
  textAt,
} from "../c/c_values.ts";
import { layoutOf } from "../c/layout.ts";
import { type Llama, openLibrary } from "../c/library.ts";
import { type Mtmd, openMediaLibrary } from "../c/media_library.ts";
import type { MediaFacts, MediumOrder, Orders, PieceFacts, Places } from "./messages.ts";

const PARAMS = layoutOf(FIELDS.mtmd_context_params);
const PART = layoutOf(FIELDS.mtmd_input_part);
/** Side in pixels of the picture whose tokens are counted, to know how many must be evaluated at once. */
const LARGE = 4096;
const FLOAT_BYTES = 4;

/** What libmtmd has made of one medium: its pieces are parts of one list. */
interface Medium {
  readonly chunks: Deno.PointerValue;
  /** Pieces of it that are still wanted. */
  left: number;
}

interface Piece {
  readonly medium: Medium;
  readonly chunk: Deno.PointerValue;
  readonly count: number;
}

/**
 * Encodes pictures and sound with libmtmd, in a thread beside that of llama.cpp: a picture may take seconds,
 * in which other requests go on.
 */
export class MediaHost {
  readonly facts: MediaFacts;
  readonly #llama: Llama;
  readonly #mtmd: Mtmd;
  readonly #context: Deno.PointerValue;
  readonly #width: number;
  readonly #pieces = new Map<number, Piece>();
  #last = 0;

  /**
   * @param nothing A C function that does nothing.
   * @param onWarning Called with what libmtmd logs while it loads.
   * @throws {Error} if the projector cannot be loaded
   */
  constructor(
    { folder, media, model, path, threads, usesGpu }: Orders["openMedia"]["take"],
    nothing: Deno.PointerValue,
    onWarning: (line: string) => void,
  ) {
    this.#llama = openLibrary(folder).llama;
    const mtmd = openMediaLibrary(folder, media);
    this.#mtmd = mtmd;
    const log = new Deno.UnsafeCallback(
      { parameters: ["i32", "pointer", "pointer"], result: "void" } as const,
      (level, text) => {
        if (level !== CONSTANTS.GGML_LOG_LEVEL_WARN && level !== CONSTANTS.GGML_LOG_LEVEL_ERROR) {
          return;
        }
        const line = textAt(text)?.trim();
        if (line) onWarning(line);
      },
    );
    mtmd.mtmd_log_set(log.pointer, null);
    try {
      const params = mtmd.mtmd_context_params_default();
      setFields(params, FIELDS.mtmd_context_params, PARAMS, {
        use_gpu: usesGpu,
        print_timings: false,
        n_threads: threads,
      });
      this.#context = mtmd.mtmd_init_from_file(cString(path), pointerAt(model), params);
    } finally {
      // From here on, other threads may log.
      mtmd.mtmd_log_set(nothing, null);
      log.close();
    }
    if (this.#context === null) throw new Error("libmtmd cannot load the file");
    this.#width = this.#llama.llama_model_n_embd_inp(pointerAt(model));
    this.facts = this.#describe();
  }

  /** Makes the pieces of a medium, which must be forgotten one by one. */
  take(order: MediumOrder): PieceFacts[] {
    const mtmd = this.#mtmd;
    const bitmap = order.kind === "image"
      ? mtmd.mtmd_bitmap_init(order.width, order.height, order.rgb)
      : mtmd.mtmd_bitmap_init_from_audio(BigInt(order.samples.length), order.samples);
    // It has a copy. Without this, the thread would keep the buffer until it collects what is unused: perhaps never.
    (order.kind === "image" ? order.rgb : order.samples).buffer.transfer(0);
    let chunks: Deno.PointerValue;
    try {
      chunks = this.#tokenize(bitmap);
    } finally {
      mtmd.mtmd_bitmap_free(bitmap);
    }
    const medium: Medium = { chunks, left: 0 };
    const facts = Array.from(
      { length: Number(mtmd.mtmd_input_chunks_size(chunks)) },
      (_, index) => this.#describeChunk(medium, mtmd.mtmd_input_chunks_get(chunks, BigInt(index))),
    );
    if (medium.left === 0) mtmd.mtmd_input_chunks_free(chunks);
    return facts;
  }

  /** Encodes a piece. */
  encode(id: number): SharedArrayBuffer {
    const { chunk, count } = this.#pieces.get(id)!;
    if (this.#mtmd.mtmd_encode_chunk(this.#context, chunk) !== 0) {
      throw new Error("libmtmd cannot encode it");
    }
    const bytes = FLOAT_BYTES * this.#width * count;
    const output = this.#mtmd.mtmd_get_output_embd(this.#context);
    if (output === null) throw new Error("libmtmd has encoded nothing");
    const copy = new SharedArrayBuffer(bytes);
    new Uint8Array(copy).set(new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(output, bytes)));
    return copy;
  }

  forget(pieces: readonly number[]): true {
    for (const id of pieces) {
      const piece = this.#pieces.get(id);
      if (!piece) continue;
      this.#pieces.delete(id);
      if (--piece.medium.left === 0) this.#mtmd.mtmd_input_chunks_free(piece.medium.chunks);
    }
    return true;
  }

  /** Frees everything; to be called before the model is freed. */
  free(): void {
    this.forget([...this.#pieces.keys()]);
    this.#mtmd.mtmd_free(this.#context);
  }

  #describe(): MediaFacts {
    const mtmd = this.#mtmd;
    const sees = mtmd.mtmd_support_vision(this.#context);
    return {
      sees,
      hears: mtmd.mtmd_support_audio(this.#context),
      sampleRate: Math.max(0, mtmd.mtmd_get_audio_sample_rate(this.#context)),
      wholeTokens: sees && mtmd.mtmd_decode_use_non_causal(this.#context, null)
        ? this.#tokensOfLarge()
        : 0,
      tokenBytes: FLOAT_BYTES * this.#width,
      usesPlaces: mtmd.mtmd_decode_use_mrope(this.#context),
    };
  }

  /** Tokens of the largest piece of a large picture. */
  #tokensOfLarge(): number {
    const bitmap = this.#mtmd.mtmd_bitmap_init(LARGE, LARGE, null);
    try {
      const chunks = this.#tokenize(bitmap);
      const counts = Array.from(
        { length: Number(this.#mtmd.mtmd_input_chunks_size(chunks)) },
        (_, index) => {
          const chunk = this.#mtmd.mtmd_input_chunks_get(chunks, BigInt(index));
          return Number(this.#mtmd.mtmd_input_chunk_get_n_tokens(chunk));
        },
      );
      this.#mtmd.mtmd_input_chunks_free(chunks);
      return Math.max(0, ...counts);
    } finally {
      this.#mtmd.mtmd_bitmap_free(bitmap);
    }
  }

  #tokenize(bitmap: Deno.PointerValue): Deno.PointerValue {
    const mtmd = this.#mtmd;
    const part = new Uint8Array(PART.size);
    setFields(part, FIELDS.mtmd_input_part, PART, { text: 0, bitmap: addressOf(bitmap) });
    const parts = new BigUint64Array([BigInt(addressOfBuffer(part))]);
    const chunks = mtmd.mtmd_input_chunks_init();
    const result = mtmd.mtmd_tokenize_from_parts(this.#context, chunks, parts, 1n, false);
    if (result === 0) return chunks;
    mtmd.mtmd_input_chunks_free(chunks);
    throw new Error(`libmtmd cannot use it (${result})`);
  }

  #describeChunk(medium: Medium, chunk: Deno.PointerValue): PieceFacts {
    const mtmd = this.#mtmd;
    const count = Number(mtmd.mtmd_input_chunk_get_n_tokens(chunk));
    if (mtmd.mtmd_input_chunk_get_type(chunk) === CONSTANTS.MTMD_INPUT_CHUNK_TYPE_TEXT) {
      const length = new BigUint64Array(1);
      const tokens = mtmd.mtmd_input_chunk_get_tokens_text(chunk, length);
      if (tokens === null || length[0] === 0n) return { tokens: [] };
      const bytes = Deno.UnsafePointerView.getArrayBuffer(tokens, 4 * Number(length[0]));
      return { tokens: [...new Int32Array(bytes)] };
    }
    const piece = ++this.#last;
    this.#pieces.set(piece, { medium, chunk, count });
    medium.left++;
    return {
      piece,
      count,
      positions: mtmd.mtmd_input_chunk_get_n_pos(chunk),
      isWhole: mtmd.mtmd_decode_use_non_causal(this.#context, chunk),
      places: this.facts.usesPlaces ? this.#places(chunk, count) : undefined,
    };
  }

  #places(chunk: Deno.PointerValue, count: number): Places {
    const numbers = new Int32Array(4 * count);
    const image = this.#mtmd.mtmd_input_chunk_get_tokens_image(chunk);
    for (let at = 0; at < count; at++) {
      if (image === null) {
        for (let row = 0; row < 4; row++) numbers[row * count + at] = at;
        continue;
      }
      const place = this.#mtmd.mtmd_image_tokens_get_decoder_pos(image, 0, BigInt(at));
      const [t, x, y, z] = new Uint32Array(place.buffer, place.byteOffset, 4);
      [t, y, x, z].forEach((number, row) => numbers[row * count + at] = number!);
    }
    return { numbers, movesLast: image === null };
  }
}
