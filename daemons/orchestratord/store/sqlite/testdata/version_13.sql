-- What a database of version 10 holds: a job that ended, one that runs, one that waits, a pool,
-- a key that was used, a drain, a pin, a response, a file, a batch with a result and an image.
INSERT INTO jobs (job_id, idempotency_key, body_sha256, request, model, fingerprint, priority,
  detached, seed, status, created_at, started_at, ended_at, attempts, usage, stop_reason, content_expires_at)
VALUES ('job-ended', 'key-1', 'aa', '{"model":"m","prompt":"one"}', 'm', 'f1', 'interactive',
  0, 1, 'completed', 1000, 1100, 1200,
  '[{"worker_id":"w","pool_id":"p","started_at":"2026-11-23T00:00:00.000Z"}]',
  '{"tokens_in":1,"tokens_cached":0,"tokens_out":1}', 'MAX_TOKENS', 9999999999999);
INSERT INTO jobs (job_id, body_sha256, request, model, fingerprint, priority, detached, seed, status,
  created_at, started_at)
VALUES ('job-running', 'bb', '{"model":"m","prompt":"two"}', 'm', 'f1', 'interactive', 0, 2,
  'running', 2000, 2100);
INSERT INTO jobs (job_id, body_sha256, request, model, fingerprint, priority, detached, seed, status,
  created_at, deadline_at, tenant)
VALUES ('job-queued', 'cc', '{"model":"m","prompt":"three"}', 'm', 'f1', 'batch', 1, 3, 'queued',
  3000, 9000, 'somebody');
INSERT INTO events VALUES
  ('job-ended', 1, 'queued', '{"job_id":"job-ended","queue_position":0,"predicted_start_ms":0}'),
  ('job-running', 1, 'queued', '{"job_id":"job-running","queue_position":0,"predicted_start_ms":0}'),
  ('job-running', 2, 'token', '{"t":" w8","i":0,"ids":[8]}'),
  ('job-queued', 1, 'queued', '{"job_id":"job-queued","queue_position":0,"predicted_start_ms":0}');
INSERT INTO pools (pool_id, endpoint, key_id) VALUES ('p', 'http://127.0.0.1:9200', '0123456789ab');
INSERT INTO api_keys (key_id, name, role, secret_sha256, limits, created_at, last_used_at)
VALUES ('0123456789ab', 'somebody', 'client',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '{"tokens_per_day":10}',
  1000, 2000);
INSERT INTO key_tokens (key_id, day, tokens) VALUES ('0123456789ab', 0, 7);
INSERT INTO drains (pool_id, ends_at) VALUES ('p1', 5000);
INSERT INTO pins (fingerprint, pool_id, device, model) VALUES ('f1', 'p', '', 'm');
INSERT INTO responses (response_id, tenant, previous_id, model, created_at, ended_at, used_at, bytes,
  request, response)
VALUES ('resp_2', '0123456789ab', 'resp_1', 'm', 1000, 1200, 1300, 27, '{"input":"hi"}',
  '{"output":[]}');
UPDATE jobs SET call = '{"kind":"embed","input":["three"]}' WHERE job_id = 'job-queued';
INSERT INTO files (file_id, tenant, name, purpose, state, bytes, parts, lines, created_at, used_at)
VALUES ('file-1', '0123456789ab', 'in.jsonl', 'batch', 'ready', 3, 1, 1, 1000, 1100);
INSERT INTO file_parts (file_seq, part, data) VALUES (1, 0, x'7b7d0a');
INSERT INTO batches (batch_id, tenant, endpoint, input_file_id, status, metadata, created_at,
  expires_at, in_progress_at, total, completed)
VALUES ('batch_1', '0123456789ab', '/v1/embeddings', 'file-1', 'in_progress', '{"a":"b"}', 1000,
  9000, 1100, 2, 1);
INSERT INTO batch_results (batch_seq, line, is_error, result) VALUES (1, 1, 0, '{"id":"r1"}');
INSERT INTO images (sha256, format, bytes, is_whole)
VALUES ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'png', 3, 1);
INSERT INTO image_parts (image_seq, part, data) VALUES (1, 0, x'7b7d0a');
INSERT INTO image_uses (owner, sha256)
VALUES ('job-queued', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb');
UPDATE starts SET count = 7;
INSERT INTO sessions VALUES ('5555555555555555555555555555555555555555555555555555555555555555', '0123456789ab', 5000);
INSERT INTO event_log VALUES (4, '[["job-gone",1,"token",{"t":"x","i":0,"ids":[1]}]]'),
  (5, '[["job-running",2,"token",{"t":"other","i":0,"ids":[9]}],["job-running",3,"token",{"t":" w9","i":1,"ids":[9]}]]');
