/**
 * The part of llama.cpp's interface that the worker's engine uses, by the names of C.
 *
 * @module
 */

/** Structures whose fields the engine reads or writes. */
export const STRUCTS: readonly string[] = [
  "llama_model_params",
  "llama_context_params",
  "llama_sampler_chain_params",
  "llama_batch",
  "llama_token_data",
  "llama_token_data_array",
  "llama_logit_bias",
  "llama_model_tensor_buft_override",
];

/** Structures that functions take or return by value. */
export const BY_VALUE: readonly string[] = [
  "llama_model_params",
  "llama_context_params",
  "llama_sampler_chain_params",
  "llama_batch",
];

/** Structures whose defaults are compared when the library is opened, with the functions that return them. */
export const DEFAULT_FUNCTIONS: Readonly<Record<string, string>> = {
  llama_model_params: "llama_model_default_params",
  llama_context_params: "llama_context_default_params",
};

/** Functions of libllama, declared in `llama.h`. */
export const LLAMA_FUNCTIONS: readonly string[] = [
  "llama_version",
  "llama_backend_init",
  "llama_log_set",
  "llama_max_devices",
  "llama_model_default_params",
  "llama_context_default_params",
  "llama_sampler_chain_default_params",
  "llama_model_load_from_file",
  "llama_model_free",
  "llama_init_from_model",
  "llama_free",
  "llama_n_ctx",
  "llama_n_ctx_seq",
  "llama_n_batch",
  "llama_n_ubatch",
  "llama_n_seq_max",
  "llama_n_rs_seq",
  "llama_get_memory",
  "llama_pooling_type",
  "llama_model_get_vocab",
  "llama_model_n_ctx_train",
  "llama_model_n_embd",
  "llama_model_n_embd_out",
  "llama_model_n_layer",
  "llama_model_n_layer_nextn",
  "llama_model_n_swa",
  "llama_model_n_cls_out",
  "llama_model_size",
  "llama_model_is_recurrent",
  "llama_model_is_hybrid",
  "llama_model_has_encoder",
  "llama_model_has_decoder",
  "llama_model_chat_template",
  "llama_model_meta_val_str",
  "llama_vocab_type",
  "llama_vocab_n_tokens",
  "llama_vocab_get_text",
  "llama_vocab_get_attr",
  "llama_vocab_is_eog",
  "llama_vocab_is_control",
  "llama_vocab_bos",
  "llama_vocab_eos",
  "llama_vocab_eot",
  "llama_vocab_sep",
  "llama_vocab_get_add_bos",
  "llama_vocab_get_add_eos",
  "llama_vocab_fim_pre",
  "llama_vocab_fim_suf",
  "llama_vocab_fim_mid",
  "llama_vocab_fim_rep",
  "llama_vocab_fim_sep",
  "llama_adapter_lora_init",
  "llama_adapter_lora_free",
  "llama_set_adapters_lora",
  "llama_memory_clear",
  "llama_memory_seq_rm",
  "llama_memory_seq_cp",
  "llama_memory_seq_pos_min",
  "llama_memory_seq_pos_max",
  "llama_state_seq_save_file",
  "llama_state_seq_load_file",
  "llama_state_seq_get_size_ext",
  "llama_state_seq_get_data_ext",
  "llama_state_seq_set_data_ext",
  "llama_decode",
  "llama_encode",
  "llama_set_n_threads",
  "llama_set_abort_callback",
  "llama_set_embeddings",
  "llama_synchronize",
  "llama_get_logits_ith",
  "llama_get_embeddings_ith",
  "llama_get_embeddings_seq",
  "llama_tokenize",
  "llama_token_to_piece",
  "llama_detokenize",
  "llama_sampler_accept",
  "llama_sampler_apply",
  "llama_sampler_reset",
  "llama_sampler_clone",
  "llama_sampler_free",
  "llama_sampler_chain_init",
  "llama_sampler_chain_add",
  "llama_sampler_chain_remove",
  "llama_sampler_chain_n",
  "llama_sampler_init_greedy",
  "llama_sampler_init_dist",
  "llama_sampler_init_top_k",
  "llama_sampler_init_top_p",
  "llama_sampler_init_min_p",
  "llama_sampler_init_typical",
  "llama_sampler_init_temp",
  "llama_sampler_init_temp_ext",
  "llama_sampler_init_xtc",
  "llama_sampler_init_top_n_sigma",
  "llama_sampler_init_mirostat",
  "llama_sampler_init_mirostat_v2",
  "llama_sampler_init_grammar",
  "llama_sampler_init_penalties",
  "llama_sampler_init_dry",
  "llama_sampler_init_logit_bias",
  "llama_sampler_sample",
];

/** Functions of libggml, declared in `ggml.h` and `ggml-backend.h`. */
export const GGML_FUNCTIONS: readonly string[] = [
  "ggml_set_abort_callback",
  "ggml_backend_load",
  "ggml_backend_dev_count",
  "ggml_backend_dev_get",
  "ggml_backend_dev_name",
  "ggml_backend_dev_description",
  "ggml_backend_dev_type",
  "ggml_backend_dev_memory",
  "ggml_backend_dev_backend_reg",
  "ggml_backend_reg_name",
  "ggml_backend_reg_count",
  "ggml_backend_dev_buffer_type",
  "ggml_backend_cpu_buffer_type",
];

/** Enumerations of which every value is wanted. */
export const ENUMS: readonly string[] = [
  "llama_vocab_type",
  "llama_token_attr",
  "llama_pooling_type",
  "llama_flash_attn_type",
  "llama_split_mode",
  "llama_load_mode",
  "llama_context_type",
  "ggml_log_level",
  "ggml_backend_dev_type",
];

/** Single values of larger enumerations. */
export const ENUM_VALUES: readonly string[] = [
  "GGML_TYPE_F32",
  "GGML_TYPE_F16",
  "GGML_TYPE_BF16",
  "GGML_TYPE_Q8_0",
  "GGML_TYPE_Q4_0",
  "GGML_TYPE_Q4_1",
  "GGML_TYPE_Q5_0",
  "GGML_TYPE_Q5_1",
  "GGML_TYPE_IQ4_NL",
];

/** Macros of numbers are wanted whose names begin so. */
export const MACRO_PREFIXES: readonly string[] = ["LLAMA_STATE_SEQ_FLAGS_"];
