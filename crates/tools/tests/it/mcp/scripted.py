# A server that does as its tool's arguments say, however bad. It speaks 2025-11-25, over its
# standard streams or over HTTP, and writes down whatever it hears.
import json, os, socket, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FOLDER = sys.argv[1]
OVER_HTTP = len(sys.argv) > 2 and sys.argv[2] == "http"
ANY = {"type": "object", "additionalProperties": True}


def heard(message):
    with open(os.path.join(FOLDER, "heard"), "a") as log:
        log.write(json.dumps(message) + "\n")


def tools():
    path = os.path.join(FOLDER, "tools.json")
    if os.path.exists(path):
        with open(path) as file:
            return json.load(file)
    return [{"name": "act", "description": "Does as it is told.", "inputSchema": ANY}]


def scene():
    path = os.path.join(FOLDER, "scene.json")
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return json.load(file)


def text(words, **more):
    return {"content": [{"type": "text", "text": words}], **more}


class Stop(Exception):
    pass


class Error(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def write(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def notify(method, **params):
    write({"jsonrpc": "2.0", "method": method, "params": params})


def task(status, **more):
    when = "2026-07-28T00:00:00Z"
    times = {"createdAt": when, "lastUpdatedAt": when, "ttlMs": None, "pollIntervalMs": 50}
    return {"taskId": "t1", "status": status, **times, **more}


LOOKS = []
ASKED_FOR = []
ASKING = []
ANSWERS = {}


def question(words="Which size?"):
    form = {"type": "object", "properties": {"size": {"type": "string"}}}
    params = {"mode": "form", "message": words, "requestedSchema": form}
    return {"size": {"method": "elicitation/create", "params": params}}


def ask(params, given):
    answered, state = params.get("inputResponses"), params.get("requestState")
    if state == "expired":
        raise Error(-32602, "the state has expired")
    if answered and state != "stubborn":
        return text("size " + answered["size"]["content"]["size"])
    token = os.environ.get("TOKEN", "") if "leak" in given else ""
    words = "Which size?" + " " * given.get("pad", 0)
    words += token if given.get("leak") == "question" else ""
    kept = token if given.get("leak") == "state" else given.get("state")
    asked = {"resultType": "input_required", "inputRequests": question(words)}
    return {**asked, "requestState": kept} if kept else asked


def older_task(status):
    return {"taskId": "t1", "status": status, "ttl": None, "pollInterval": 50}


def look():
    LOOKS.append(1)
    if ASKED_FOR:
        return older_task(ASKED_FOR[-1])
    if ASKING and ANSWERS:
        done = text("size " + ANSWERS["size"]["content"]["size"])
        return task("completed", result=done)
    if ASKING:
        return task("input_required", inputRequests=question())
    return task("working") if len(LOOKS) < 3 else task("completed", result=text("done at last"))


def act(message):
    params = message["params"]
    given = {**scene(), **(params.get("arguments") or {})}
    do = given.get("do", "echo")
    if do == "echo":
        return text(json.dumps(params))
    if do == "say":
        return text(given["text"])
    if do == "nothing":
        return {"content": []}
    if do == "structured":
        return text("unused", structuredContent=given["value"])
    if do == "image":
        return {"content": [{"type": "image", "data": "A" * given["size"], "mimeType": "image/png"}]}
    if do == "fail":
        return text(given["text"], isError=True)
    if do == "refuse":
        raise Error(given["code"], "no")
    if do == "hang":
        return None
    if do == "die":
        os._exit(3)
    if do == "cut off":
        sys.stdout.write('{"jsonrpc": "2.0", "id": 1, "result": {"con')
        sys.stdout.flush()
        os._exit(3)
    if do == "garble":
        sys.stdout.write("\x00\x01 this is no message\n")
        sys.stdout.flush()
        os._exit(3)
    if do == "ask":
        return ask(params, given)
    if do == "ask for a model":
        wish = {"messages": [], "maxTokens": 1}
        asked = {"think": {"method": "sampling/createMessage", "params": wish}}
        return {"resultType": "input_required", "inputRequests": asked}
    if do == "only as a task":
        if "task" not in params:
            raise Error(-32601, "act requires task augmentation (taskSupport: 'required')")
        ASKED_FOR.append(given.get("ends", "working"))
        return {"task": older_task("working")}
    if do == "asking task":
        ASKING.append(1)
        return {"resultType": "task", **task("working")}
    if do == "task":
        return {"resultType": "task", **task("working")}
    if do == "big":
        return text("x" * given["size"])
    if do == "long line":
        sys.stdout.write("x" * given["size"])
        sys.stdout.flush()
        return None
    if do == "noise":
        sys.stdout.write("starting up...\n{}\nnull\n[]\n\xff\n")
        return text("said")
    if do == "malformed":
        write({"jsonrpc": "2.0", "id": message["id"], "result": 7, "error": []})
        return None
    if do == "flood":
        for at in range(given["count"]):
            notify("notifications/message", level="info", data="x" * 200)
            notify("notifications/progress", progressToken=0, progress=at)
            notify("notifications/tools/list_changed")
        return text("flooded")
    if do == "complain":
        for _ in range(given["count"]):
            sys.stderr.write("x" * 10000)
        sys.stderr.flush()
        return text("complained")
    if do == "change":
        # Without a list, every other tool is described anew.
        told = [
            tool if tool["name"] == "act" else {**tool, "description": given["text"]}
            for tool in tools()
        ] if "text" in given else given["tools"]
        with open(os.path.join(FOLDER, "tools.json"), "w") as file:
            json.dump(told, file)
        if given.get("tell"):
            notify("notifications/tools/list_changed")
        return text("changed")
    raise Error(-32603, "unknown")


def answer(message):
    method = message.get("method")
    if method == "initialize":
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "scripted", "version": "1"},
        }
    if method == "tools/list":
        every = tools()
        start = int((message.get("params") or {}).get("cursor") or 0)
        page = {"tools": every[start : start + 500]}
        if start + 500 < len(every):
            page["nextCursor"] = str(start + 500)
        return page
    if method == "tools/call":
        return act(message)
    if method == "tasks/get":
        return look() if ASKED_FOR else {"resultType": "complete", **look()}
    if method == "tasks/result":
        return text("done as a task")
    if method == "tasks/update":
        ANSWERS.update(message["params"]["inputResponses"])
        return {"resultType": "complete"}
    if method == "tasks/cancel":
        return {"resultType": "complete"}
    if method == "ping":
        return {}
    raise Error(-32601, "method not found")


def reply(message):
    heard(message)
    if "id" not in message or "method" not in message:
        return None
    try:
        result = answer(message)
    except Error as error:
        error = {"code": error.code, "message": str(error)}
        return {"jsonrpc": "2.0", "id": message["id"], "error": error}
    if result is None:
        return None
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def do_GET(self):
        self.send(405, b"")

    def do_DELETE(self):
        self.send(200, b"")

    def send(self, status, body, kind="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def cut(self):
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = json.loads(body)
        do = ((message.get("params") or {}).get("arguments") or {}) if "id" in message else {}
        web = do.get("web")
        if web:
            heard({"web": web, "authorization": self.headers.get("Authorization"), **message})
        if web == "status":
            headers = {"Retry_After": do["wait"]} if "wait" in do else {}
            return self.send(do["status"], b"no", "text/plain", **headers)
        if web == "cut":
            self.cut()
            return None
        if web == "half":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"{")
            self.cut()
            return None
        if web == "page":
            return self.send(200, b"<html>", "text/html")
        if web == "events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            if do.get("size"):
                self.wfile.write(b"data: " + b"x" * do["size"])
                self.wfile.flush()
                time.sleep(60)
            self.close_connection = True
            return None
        if web == "redirect":
            return self.send(307, b"", Location="http://127.0.0.1:9/elsewhere")
        answered = reply(message)
        if answered is None:
            if "id" in message and "method" in message:
                time.sleep(60)
            return self.send(202, b"")
        more = {"Mcp_Session_Id": "one"} if message.get("method") == "initialize" else {}
        return self.send(200, json.dumps(answered).encode(), **more)


def main():
    if OVER_HTTP:
        port = int(sys.argv[3]) if len(sys.argv) > 3 else 0
        server = ThreadingHTTPServer(("127.0.0.1", port), Web)
        server.daemon_threads = True
        print(server.server_address[1], flush=True)
        server.serve_forever()
    for line in sys.stdin:
        answered = reply(json.loads(line))
        if answered is not None:
            write(answered)


main()
