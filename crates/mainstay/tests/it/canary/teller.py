# Servers that were given a secret and tell it back in every form, wherever an answer has room for
# it: `web` is an interface, an MCP server and a model vendor, `mcp` is a child that speaks MCP, `work`
# is a worker. What each was shown, and what was sent along, is written down.
import base64, json, os, sys, urllib.parse, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROLE, FOLDER = sys.argv[1], sys.argv[2]
ANY = {"type": "object", "additionalProperties": True}
TOOL = {"name": "act", "inputSchema": ANY}


def note(name, text):
    with open(os.path.join(FOLDER, name), "a") as file:
        file.write(text + "\n")


def forms(secret):
    raw = secret.encode()
    numbers = "".join("\\u%04x" % byte for byte in raw)
    shifted = ["", "a", "ab"]
    return [
        secret,
        secret.upper(),
        secret[::-1],
        raw.hex(),
        raw.hex().upper(),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote(secret, safe="").lower(),
        "".join("%%%02X" % byte for byte in raw),
        json.dumps(secret)[1:-1],
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        numbers,
        "\0".join(secret),
        *(base64.b64encode((before + secret).encode()).decode() for before in shifted),
        *(base64.urlsafe_b64encode((before + secret + ":").encode()).decode() for before in shifted),
    ]


def told(secret, how):
    return "told-back %s: %s" % (how, " ".join(forms(secret)))


def as_value(secret, how):
    return {
        "marker": "told-back " + how,
        "forms": forms(secret),
        secret: "key",
        # JSON in a text, with escapes of its own.
        "inside": odd({"a": odd([secret])}),
        # Large enough to be stored apart from its row, compressed.
        "padding": "told back " * 2000,
    }


def text(words, **more):
    return {"content": [{"type": "text", "text": words}], **more}


def odd(value):
    # JSON that spells every second character by its number.
    if isinstance(value, dict):
        return "{%s}" % ",".join("%s:%s" % (odd(key), odd(item)) for key, item in value.items())
    if isinstance(value, list):
        return "[%s]" % ",".join(map(odd, value))
    if not isinstance(value, str):
        return json.dumps(value)
    plain = [c.isalnum() or c in "+/&= -" for c in value]
    spelt = (c if plain[at] and at % 2 else "\\u%04x" % ord(c) for at, c in enumerate(value))
    return '"%s"' % "".join(spelt)


# MCP


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def act(secret, how):
    if how == "structured":
        return text("unused", structuredContent=as_value(secret, how))
    if how == "nested":
        return text(as_value(secret, how)["inside"])
    if how == "fail":
        return text(told(secret, how), isError=True)
    if how in ("error", "params"):
        raise Refused(-32602 if how == "params" else -32603, told(secret, how))
    if how == "die":
        complain(secret)
        os._exit(3)
    return text(told(secret, how))


def complain(secret):
    lines = [told(secret, "stderr"), *("x" * before + secret for before in range(980, 1024, 6))]
    sys.stderr.write("\n".join([*lines, "y" * 65520 + secret]) + "\n")
    sys.stderr.flush()


def mcp(secret, message):
    method, params = message.get("method"), message.get("params") or {}
    if "id" not in message:
        return None
    try:
        if method == "initialize":
            result = {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": told(secret, "itself"), "version": secret},
                "instructions": told(secret, "instructions"),
            }
        elif method == "tools/list":
            tool = {**TOOL, "description": told(secret, "description")}
            result = {"tools": [tool, {**TOOL, "name": secret.encode().hex()}]}
        elif method == "tools/call":
            result = act(secret, params["arguments"]["how"])
        else:
            raise Refused(-32601, told(secret, "unknown method"))
    except Refused as error:
        error = {"code": error.code, "message": str(error), "data": as_value(secret, "data")}
        return {"jsonrpc": "2.0", "id": message["id"], "error": error}
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


def processes():
    # Of the program that started this, and of everything it started.
    parents, lines = {}, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as file:
                parents[pid] = file.read().rsplit(")", 1)[1].split()[1]
            with open("/proc/%s/cmdline" % pid) as file:
                lines[pid] = file.read()
        except OSError:
            pass
    root = str(os.getppid())
    for pid, line in lines.items():
        above = pid
        while above not in (root, "0") and above in parents:
            above = parents[above]
        if above == root:
            note("argv", line.replace("\0", " "))


def child():
    secret = os.environ["OWN_KEY"].removeprefix("Bearer ")
    note("own.shown", secret)
    given = {name: value for name, value in os.environ.items() if name != "OWN_KEY"}
    note("own.sent", json.dumps(given))
    complain(secret)
    for line in sys.stdin:
        message = json.loads(line)
        note("own.sent", line)
        how = ((message.get("params") or {}).get("arguments") or {}).get("how")
        if how == "processes":
            processes()
        if how == "noise":
            log = {"level": "error", "data": as_value(secret, "log")}
            sys.stdout.write(told(secret, "noise").replace("\n", " ") + "\n")
            notice = {"jsonrpc": "2.0", "method": "notifications/message", "params": log}
            sys.stdout.write(odd(notice) + "\n")
        answer = odd(mcp(secret, message)) if "id" in message else ""
        if how == "unreadable":
            answer = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": secret, secret: 1})
        if answer:
            sys.stdout.write(answer + "\n")
            sys.stdout.flush()


# HTTP


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def send(self, status, kind, body, reason=None, **headers):
        body = body.encode()
        self.send_response(status, reason)
        for name, value in {"Content-Type": kind, "Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def shown(self, name):
        secret = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        note(name + ".shown", secret)
        note(name + ".sent", self.path.split("?")[0])
        return secret

    def do_DELETE(self):
        self.shown("web")
        self.send(200, "text/plain", "")

    def do_GET(self):
        if self.path == "/mcp":
            return self.send(405, "text/plain", told(self.shown("web"), "no stream"))
        return self.crm(self.shown("crm"))

    def crm(self, secret):
        how, query = self.path.split("/")[2].split("?")[0], "?" + urllib.parse.quote(secret, safe="")
        here = "http://" + self.headers["Host"]
        if how == "value":
            return self.send(200, "application/json", odd(as_value(secret, how)), X_Echo=secret)
        if how == "text":
            return self.send(200, "text/plain", told(secret, how), reason=secret)
        if how == "refuse":
            return self.send(400, "application/json", odd(as_value(secret, how)), secret, X_Echo=secret)
        if how == "lose":
            return self.send(500, "text/plain", told(secret, how), reason=secret)
        if how == "wait":
            return self.send(429, "text/plain", told(secret, how), Retry_After=secret)
        if how == "kind":
            return self.send(200, "x/" + secret, told(secret, how))
        if how == "twice":
            return self.send(200, "application/json", '{%s: 1, %s: 2}' % ((odd(secret),) * 2))
        if how == "broken":
            return self.send(200, "application/json", '{"a": ' + told(secret, how))
        if how == "again":
            return self.send(302, "text/plain", "", Location=here + "/act/lose" + query)
        if how == "elsewhere":
            host = "http://" + secret.encode().hex() + ".example/"
            return self.send(302, "text/plain", "", Location=host + query)
        if how == "nowhere":
            return self.send(302, "text/plain", "", Location="ftp://" + secret + "/" + query)
        # No HTTP at all.
        self.wfile.write(("HTTP/9 %s\r\n%s\r\n\r\n" % (secret, told(secret, how))).encode())
        self.close_connection = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path == "/mcp":
            return self.mcp(self.shown("web"), body)
        if self.path.startswith("/act/"):
            return self.crm(self.shown("crm"))
        return self.model(self.shown("lab"), body)

    def mcp(self, secret, body):
        note("web.sent", body)
        message = json.loads(body)
        how = ((message.get("params") or {}).get("arguments") or {}).get("how")
        if how == "status":
            return self.send(500, "text/plain", told(secret, how), reason=secret)
        if how == "refused":
            error = {"code": -32000, "message": told(secret, how)}
            wrong = {"jsonrpc": "2.0", "id": message["id"], "error": error}
            return self.send(400, "application/json", odd(wrong), reason=secret)
        if how == "kind":
            return self.send(200, "x/" + secret, told(secret, how))
        answer = mcp(secret, message)
        if answer is None:
            return self.send(202, "text/plain", "")
        if how == "broken":
            return self.send(200, "application/json", json.dumps(answer)[:-1] + told(secret, how))
        if how == "events":
            log = {"level": "error", "data": as_value(secret, "log")}
            notice = {"jsonrpc": "2.0", "method": "notifications/message", "params": log}
            sent = (notice, answer)
            events = ["id: %s\nevent: message\ndata: %s\n\n" % (secret, odd(e)) for e in sent]
            return self.send(200, "text/event-stream", "".join(events))
        more = {"Mcp_Session_Id": secret.encode().hex()} if message["method"] == "initialize" else {}
        self.send(200, "application/json", odd(answer), X_Echo=secret, **more)

    def model(self, secret, body):
        note("lab.sent", body)
        asked = json.loads(body)
        how = asked["model"]
        if how == "refuse":
            error = {"error": {"message": told(secret, how), "type": secret}}
            return self.send(401, "application/json", odd(error), reason=secret, X_Echo=secret)
        if how == "page":
            # The failure keeps its first 500 characters.
            page = "told-back page ".ljust(480, "x") + secret
            return self.send(403, "text/html", page, reason=secret)
        if how == "kind":
            return self.send(200, "x/" + secret, told(secret, how))
        if how == "midway":
            error = {"message": told(secret, how), "type": "invalid_request_error"}
            return self.send(200, "text/event-stream", "data: %s\n\n" % odd({"error": error}))
        if how == "piece":
            # The failure quotes its first 80 characters.
            return self.send(200, "text/event-stream", 'data: {"choices": "%s%s\n\n' % ("x" * 40, secret))
        calls = os.path.join(FOLDER, "calls.json")
        first = not any(message["role"] == "tool" for message in asked["messages"])
        deltas, finish = [], secret if how == "finish" else "stop"
        if how == "agent" and first:
            with open(calls) as file:
                every = [("lab_%d" % at, name, json.dumps(a)) for at, (name, a) in enumerate(json.load(file))]
            every.append(("lab_" + secret, "crm_" + secret, "{" + secret))
            for at, (name, tool, arguments) in enumerate(every):
                function = {"name": tool.replace(".", self.dot(asked)), "arguments": arguments}
                deltas.append({"tool_calls": [{"index": at, "id": name, "function": function}]})
            finish = "tool_calls"
        else:
            words = told(secret, how)
            # Cut everywhere, also in the middle of the secret.
            deltas = [{"content": words[at : at + 7]} for at in range(0, len(words), 7)]
            deltas += [{"reasoning_content": words[at : at + 9]} for at in range(0, len(words), 9)]
        chunks = [{"model": secret, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        chunks.append({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 9}})
        lines = "".join("data: %s\n\n" % odd(chunk) for chunk in chunks)
        self.send(200, "text/event-stream", lines + "data: [DONE]\n\n", reason=secret)

    def dot(self, asked):
        # Vendors allow no dots in names: what was offered says what stands for one.
        names = [tool["function"]["name"] for tool in asked.get("tools", [])]
        return next((name[3:-3] for name in names if name.startswith("crm")), ".")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        # Whoever hangs up before the end has heard enough.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, address)


# A worker


def send(url, what, message):
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["SHOP_TOKEN"]}
    body = json.dumps({"worker": "shop", **message}).encode()
    request = urllib.request.Request(url + "/v1/work:" + what, body, headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def work(url):
    secret = os.environ["SHOP_TOKEN"]
    tools = [{"name": "act", "effect": "read", "input_schema": ANY, "output_schema": True}]
    while True:
        for call in send(url, "poll", {"take": 8, "wait_ms": 5000, "tools": tools})["calls"]:
            note("shop.shown", secret)
            note("shop.sent", json.dumps(call))
            how = call["arguments"]["how"]
            if how == "fail":
                failure = {"code": secret, "message": "x" * 960 + told(secret, how)}
                failure |= {"retryable": False, "took_effect": "no"}
                send(url, "fail", {"call": call["id"], "failure": failure})
            else:
                send(url, "complete", {"call": call["id"], "result": as_value(secret, how)})


if ROLE == "web":
    server = Server(("127.0.0.1", 0), Web)
    print(server.server_address[1], flush=True)
    server.serve_forever()
elif ROLE == "mcp":
    child()
else:
    work(sys.argv[3])
