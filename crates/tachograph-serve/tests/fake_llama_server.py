#!/usr/bin/env python3
"""Speaks llama-server's protocol without a model, for hermetic tests.

Tokens are code points. What comes back depends on words in the prompt:
"die" ends the process inside the stream, "oops" ends the stream with an error
event, "settings" answers with the request itself as JSON, anything else with
n_predict letters (one of them a euro sign in three events).
"""
import json
import os
import socketserver
import sys
from http.server import BaseHTTPRequestHandler

ARGUMENTS = sys.argv[1:]


def argument(name):
    return ARGUMENTS[ARGUMENTS.index(name) + 1]


if argument("-c") == "666":
    sys.exit("error: no memory for the context")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "unix"

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def event(self, value):
        data = b"data: " + json.dumps(value).encode() + b"\n\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def do_GET(self):
        self.answer({"status": "ok"})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/apply-template":
            text = "".join(f"<{m['role']}>{m['content']}" for m in request["messages"])
            return self.answer({"prompt": text + "<assistant>"})
        if self.path == "/tokenize":
            return self.answer({"tokens": [ord(c) for c in request["content"]]})
        prompt = "".join(chr(token) for token in request["prompt"])
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.event({"content": "a", "tokens": [97], "stop": False})
        if "die" in prompt:
            os._exit(3)
        if "oops" in prompt:
            return self.event({"error": {"code": 500, "message": "the slot is gone"}})
        if "settings" in prompt:
            request["prompt"] = prompt
            request["arguments"] = ARGUMENTS
            self.event({"content": json.dumps(request), "tokens": [1], "stop": False})
        else:
            self.event({"content": "", "tokens": [226], "stop": False})
            self.event({"content": "", "tokens": [130], "stop": False})
            self.event({"content": "\u20ac", "tokens": [172], "stop": False})
        timings = {"cache_n": 3, "prompt_n": len(prompt) - 3, "prompt_ms": 12.5,
                   "predicted_n": 4, "predicted_ms": 40.25}
        self.event({"content": "", "tokens": [], "stop": True, "stop_type": "limit",
                    "timings": timings})
        self.wfile.write(b"0\r\n\r\n")


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


Server(argument("--host"), Handler).serve_forever()
