"""Servers on this machine that answer as vLLM does, with a small model behind them."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers with ``server.reply(path, body)``; before that, the next of ``server.troubles``."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.seen.append((self.path, dict(self.headers), body))
            trouble = server.troubles.pop(0) if server.troubles else None
        if trouble == "drop":
            self.close_connection = True
            return
        if trouble == "slow":
            server.released.wait(5)
        if trouble == "stop":
            server.reached.set()
            server.released.wait(600)
        status, headers, reply = 200, {}, trouble
        if isinstance(trouble, tuple):
            status, headers, reply = trouble
        elif not isinstance(trouble, (dict, bytes)):
            reply = server.reply(self.path, body)
        data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        try:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # the client has given up
            self.close_connection = True

    def log_message(self, *args):
        pass


@contextmanager
def serving(reply, *troubles):
    """A server and its address; ``seen`` holds path, headers and body of every request.

    A trouble is ``drop`` (no reply), ``slow``, ``stop`` (sets ``reached`` and waits for
    ``released``), a reply in place of the right one, or (status, headers, reply).
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.reply, server.troubles, server.seen = reply, list(troubles), []
    server.lock, server.released, server.reached = (
        threading.Lock(),
        threading.Event(),
        threading.Event(),
    )
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def completions(model, tokenizer):
    """Completions with ``echo`` and ``logprobs`` of prompts, and one token more after each."""
    import torch

    lock = threading.Lock()

    def one(prompt, special):
        ids = tokenizer(prompt, add_special_tokens=special)["input_ids"]
        with lock, torch.no_grad():
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
            values = logits.double().log_softmax(-1)
        new = int(values[-1].argmax())
        tokens = [*ids, new]
        given = [None] + [float(values[k - 1, token]) for k, token in enumerate(tokens) if k > 0]
        texts = [tokenizer.decode([token]) for token in tokens]
        logprobs = {"token_logprobs": given, "tokens": texts, "top_logprobs": None}
        return {"text": prompt + texts[-1], "logprobs": logprobs}

    def reply(path, body):
        assert path == "/v1/completions"
        assert (body["echo"], body["max_tokens"]) == (True, 1)
        special = body.get("add_special_tokens", True)
        listed = [one(prompt, special) for prompt in body["prompt"]]
        numbered = [{"index": k, **found} for k, found in enumerate(listed)]
        return {"choices": numbered[::-1]}  # in any order

    return reply
