#!/usr/bin/env bash
# lm-evaluation-harness 0.4.13 (PyPI), the samples file that --log_samples writes:
#
# Behaviour: the prompt of a request stands under arguments.gen_args_0.arg_0. For a completion model it is a text. For a chat
#            model behind an API (--apply_chat_template) it is a list with one text in it, and that text is the conversation
#            written as JSON once more. The type of one field so depends on the kind of model that was evaluated.
# Output seen on 2026-11-30: the same task, asked of a model through local-completions and through local-chat-completions, gives
#            "Question: …\nAnswer:" in the first file and ["[{\"role\": \"user\", \"content\": \"Question: …\\nAnswer:\"}]"] in the second.
# What follows: a reader that takes arg_0 for the prompt fails on the second kind, or pairs a model's answers with a Python list;
#            prompts of a chat model and of a completion model look different where the question was the same.
#
# Needs Python 3.11 or newer and a package index; installs into a temporary folder. Exits 1 if the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "lm_eval[api]==0.4.13"
cd "$folder"
cat > server.py <<'PY'
"""A server that gives every request one answer."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        count = len(asked["prompt"]) if isinstance(asked.get("prompt"), list) else 1
        choices = [
            {"index": n, "text": " Paris", "message": {"role": "assistant", "content": "Paris"}, "finish_reason": "stop"}
            for n in range(count)
        ]
        body = json.dumps({"id": "x", "object": "x", "created": 0, "model": "m", "choices": choices}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = HTTPServer(("127.0.0.1", 0), Handler)
Path("port").write_text(str(server.server_port))
server.serve_forever()
PY
cat > capital.yaml <<'YAML'
task: capital
dataset_path: json
dataset_kwargs: {data_files: {test: data.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "Question: {{question}}\nAnswer:"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\n\n"], do_sample: false}
metric_list: [{metric: exact_match}]
YAML
echo '{"question": "What is the capital of France?", "answer": "Paris"}' > data.jsonl
"$folder/venv/bin/python" server.py &
server=$!
while [ ! -s port ]; do sleep 0.1; done
export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 HF_HOME="$folder/cache" OPENAI_API_KEY=unused
ask() {
    "$folder/venv/bin/lm_eval" --tasks capital --include_path . --log_samples --output_path "$1" --model "$2" \
        --model_args "model=m,base_url=http://127.0.0.1:$(cat port)/v1/$3,num_concurrent=1,tokenizer_backend=None" "${@:4}" \
        > "$1.log" 2>&1 || { tail -5 "$1.log"; exit 1; }
}
ask plain local-completions completions
ask chat local-chat-completions chat/completions --apply_chat_template
"$folder/venv/bin/python" - <<'PY'
import json
from pathlib import Path


def prompt(folder):
    (file,) = Path(folder).rglob("samples_capital_*.jsonl")
    return json.loads(file.read_text("utf-8").split("\n")[0])["arguments"]["gen_args_0"]["arg_0"]


plain, chat = prompt("plain"), prompt("chat")
print("completion model:", json.dumps(plain))
print("chat model:", json.dumps(chat))
question = "Question: What is the capital of France?\nAnswer:"
assert plain == question, plain
assert isinstance(chat, list) and len(chat) == 1, chat
assert json.loads(chat[0]) == [{"role": "user", "content": question}], chat
PY
echo "as described"
