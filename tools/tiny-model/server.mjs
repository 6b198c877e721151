// A real small model behind OpenAI's chat completions, for tests: node server.mjs MODEL.gguf PORT
//
// Structure is real (tokens, streaming, grammar, usage); the model's judgement is not worth much.
// One request is worked on at a time. A client that hangs up stops its generation.
// The model name decides about a fault: "smollm2" serves, "smollm2+hangup" cuts the connection
// after a few pieces, any other name is unknown.
import http from "node:http";
import { loadModel } from "./model.mjs";
import { plan, Refusal } from "./plan.mjs";

const MODELS = ["smollm2", "smollm2+hangup"];
const PIECES_BEFORE_HANGUP = 3;
const MAX_BODY = 4 << 20;

const [modelPath, port] = process.argv.slice(2);
const model = await loadModel(modelPath);

let turn = Promise.resolve();
/** Runs `work` when everything before it is done, however that ended. */
function inTurn(work) {
  const mine = turn.then(work);
  turn = mine.catch(() => {});
  return mine;
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MAX_BODY) throw new Refusal(413, "the request is too large");
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw new Refusal(400, "the body is not JSON");
  }
}

function sendJson(response, status, value) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

const usageOf = ({ prompt, completion }) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
});

/** Sends the answer piece by piece; resolves when the last one is out. */
async function stream(response, head, asked, signal) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  let pieces = 0;
  const event = (fields) => {
    const chunk = { ...head, object: "chat.completion.chunk", ...fields };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  const delta = (delta, finish_reason = null) => {
    event({ choices: [{ index: 0, delta, finish_reason }] });
    pieces += 1;
    if (asked.hangsUp && pieces > PIECES_BEFORE_HANGUP) response.destroy();
  };
  delta({ role: "assistant" });
  const answer = await asked.run(model, signal, delta);
  delta({}, answer.finish);
  if (asked.includeUsage) event({ choices: [], usage: usageOf(answer.tokens) });
  response.end("data: [DONE]\n\n");
}

/** Sends the answer at once. */
async function whole(response, head, asked, signal) {
  const answer = await asked.run(model, signal, () => {});
  sendJson(response, 200, {
    ...head,
    object: "chat.completion",
    choices: [{ index: 0, message: answer.message, finish_reason: answer.finish }],
    usage: usageOf(answer.tokens),
  });
}

async function complete(request, response) {
  const asked = plan(await bodyOf(request), MODELS);
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  await inTurn(async () => {
    // Whoever hung up while waiting gets no tokens.
    if (gone.signal.aborted) return;
    const created = Math.floor(Date.now() / 1000);
    const head = { id: `chatcmpl-${created.toString(36)}`, created, model: asked.model };
    await (asked.streams ? stream : whole)(response, head, asked, gone.signal);
  });
}

async function route(request, response) {
  switch (`${request.method} ${request.url}`) {
    case "GET /health":
      return sendJson(response, 200, { status: "ok" });
    case "GET /v1/models":
      return sendJson(response, 200, {
        object: "list",
        data: MODELS.map((id) => ({ id, object: "model" })),
      });
    case "POST /v1/chat/completions":
      return complete(request, response);
    default:
      throw new Refusal(404, `there is no ${request.method} ${request.url}`);
  }
}

function fail(response, error) {
  // After the first byte the only honest way to say that it failed is to cut the stream.
  if (response.headersSent) return response.destroy();
  const status = error instanceof Refusal ? error.status : 500;
  const type = status < 500 ? "invalid_request_error" : "server_error";
  sendJson(response, status, { error: { message: String(error.message ?? error), type } });
}

const server = http.createServer((request, response) => {
  route(request, response).catch((error) => fail(response, error));
});
server.listen(Number(port ?? 0), "127.0.0.1", () => console.log(`ready ${server.address().port}`));
