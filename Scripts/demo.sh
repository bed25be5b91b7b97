#!/usr/bin/env bash
# Answers one prompt four times: base, with each adapter, with both stacked. usage: demo.sh MULLAMA MODEL
set -euo pipefail

mullama=$1
model=$2
readonly sql=Fixtures/smollm2/sql/adapter.gguf pirate=Fixtures/smollm2/pirate/adapter.gguf
readonly prompt="What is the average price per city? The table is hotels(id, name, city, stars, price)."

answer() {
  local heading=$1
  shift
  printf '\n── %s\n' "$heading"
  "$mullama" run "$model" "$prompt" --temperature 0 --max-tokens 48 --stats "$@"
}

echo "Model:  $(basename "$model")"
echo "Prompt: $prompt"
answer "base"
answer "sql" --lora "$sql"
answer "pirate" --lora "$pirate"
answer "sql at 0.8 and pirate at 0.5" --lora "$sql" --lora-scale 0.8 --lora "$pirate" --lora-scale 0.5
