"""The Prefect application, from which many come: what its config.yaml looks like."""

SEED = """
paths:
  label_source_dir: "labels"
  image_source_dir: "images"
  output_dir: "dataset/output_results"
filters:
  target_states: ["Alabama", "California"]
  target_years:
    start: 1849
    end: 1852
execution:
  max_retries: 3
  batch_size_limit: 100
  dry_run: false
  max_concurrent_batches: 10
model:
  name: "gemini-2.5-flash"
  generation_config:
    temperature: 0.1
    max_output_tokens: 8192
    response_mime_type: "application/json"
batch:
  poll_interval_seconds: 30
  max_poll_attempts: 5760
  display_name_prefix: "gemini-ocr-batch"
files:
  upload_retry_attempts: 3
  upload_retry_backoff_seconds: 2.0
  upload_concurrency: 8
prompt:
  registry_dir: "prompts"
  name: "page_ocr"
  template_file: "v1.1.jinja"
prefect:
  flow_name: "orchestrate_gemini_batch"
  schedule_interval_minutes: 60
"""
"""A config.yaml with every key that it knows."""
