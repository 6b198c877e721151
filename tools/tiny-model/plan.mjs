// What a request asks for: checked, and turned into one of three ways to answer.

/** The request cannot be served; told to the client with its status. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const DEFAULT_TOKENS = 256;

/** Returns how to answer `body`: its `run(model, signal, delta)` does it. */
export function plan(body, models) {
  if (!models.includes(body?.model)) throw new Refusal(404, `there is no model ${body?.model}`);
  if (!Array.isArray(body.messages) || body.messages.length === 0) {
    throw new Refusal(400, "messages must be a list with at least one message");
  }
  const settings = {
    messages: body.messages.map(known),
    tools: body.tool_choice === "none" ? [] : (body.tools ?? []).map((tool) => tool.function),
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? DEFAULT_TOKENS,
    temperature: body.temperature ?? 0.7,
    seed: body.seed,
    stop: [body.stop ?? []].flat(),
  };
  return {
    model: body.model,
    hangsUp: body.model.endsWith("+hangup"),
    streams: body.stream === true,
    includeUsage: body.stream_options?.include_usage === true,
    run: way(body, settings),
  };
}

function known(message) {
  if (!["system", "developer", "user", "assistant", "tool"].includes(message.role)) {
    throw new Refusal(400, `there is no role ${message.role}`);
  }
  return message;
}

/** A tool if one is demanded, JSON if a schema is given, text otherwise. With `auto` the answer is
 *  text: whether a tool would help is more than this model can judge. */
function way(body, settings) {
  const choice = body.tool_choice;
  if (settings.tools.length > 0 && choice && choice !== "auto") {
    const named = choice.function?.name;
    const tools = settings.tools.filter((tool) => !named || tool.name === named);
    if (tools.length === 0) throw new Refusal(400, `there is no tool ${named}`);
    return (model, signal, delta) => callTool(model, settings, tools, signal, delta);
  }
  const schema = body.response_format?.json_schema?.schema;
  return (model, signal, delta) => speak(model, settings, schema, signal, delta);
}

async function speak(model, settings, schema, signal, delta) {
  const said = await model.generate(settings, {
    schema,
    signal,
    onText: (text) => delta({ content: text }),
  });
  return {
    message: { role: "assistant", content: said.text },
    finish: said.cut ? "length" : "stop",
    tokens: said.tokens,
  };
}

/** First the name, if there is a choice, then the arguments, which go out as they come. */
async function callTool(model, settings, tools, signal, delta) {
  const { tool, tokens } = await choose(model, settings, tools, signal);
  const id = `call_${Math.random().toString(36).slice(2, 10)}`;
  const call = (fields) => delta({ tool_calls: [{ index: 0, ...fields }] });
  call({ id, type: "function", function: { name: tool.name, arguments: "" } });
  const said = await model.generate(
    { ...settings, maxTokens: Math.max(1, settings.maxTokens - tokens) },
    {
      schema: tool.parameters ?? { type: "object", properties: {} },
      opening: `I call ${tool.name} with `,
      signal,
      onText: (text) => call({ function: { arguments: text } }),
    },
  );
  const made = { id, type: "function", function: { name: tool.name, arguments: said.text } };
  return {
    message: { role: "assistant", content: null, tool_calls: [made] },
    finish: said.cut ? "length" : "tool_calls",
    tokens: { prompt: said.tokens.prompt, completion: said.tokens.completion + tokens },
  };
}

async function choose(model, settings, tools, signal) {
  if (tools.length === 1) return { tool: tools[0], tokens: 0 };
  const names = tools.map((tool) => tool.name);
  const said = await model.generate(settings, {
    schema: { enum: names },
    opening: "The tool to call is ",
    signal,
    onText: () => {},
  });
  const name = said.cut ? names[0] : JSON.parse(said.text);
  return { tool: tools.find((tool) => tool.name === name), tokens: said.tokens.completion };
}
