// The model itself: a conversation in, tokens out.
import { getLlama, LlamaCompletion } from "node-llama-cpp";
import { Refusal } from "./plan.mjs";

const CONTEXT = 4096;
const TURN_END = "<|im_end|>";

/** Loads the model; its `generate` answers one conversation at a time. */
export async function loadModel(modelPath) {
  const llama = await getLlama({ build: "never", gpu: false, maxThreads: 2 });
  const model = await llama.loadModel({ modelPath });
  // One thread: more of them spin when the machine has other work, and everything gets slower.
  const context = await model.createContext({ contextSize: CONTEXT, threads: 1 });
  const completion = new LlamaCompletion({ contextSequence: context.getSequence() });
  return {
    async generate(settings, { schema, opening = "", signal, onText }) {
      const prompt = model.tokenize(promptOf(settings) + opening, true);
      const room = CONTEXT - prompt.length;
      if (room < 1) throw new Refusal(400, `the prompt has ${prompt.length} tokens of ${CONTEXT}`);
      const maxTokens = Math.min(settings.maxTokens, room);
      let completed = 0;
      const { response, metadata } = await completion.generateCompletionWithMeta(prompt, {
        maxTokens,
        temperature: settings.temperature,
        seed: settings.seed,
        grammar: schema && (await grammar(llama, schema)),
        customStopTriggers: [TURN_END, ...settings.stop],
        signal,
        stopOnAbortSignal: true,
        onToken: (tokens) => {
          completed += tokens.length;
        },
        onTextChunk: onText,
      });
      return {
        text: response,
        cut: metadata.stopReason === "maxTokens",
        tokens: { prompt: prompt.length, completion: Math.min(completed, maxTokens) },
      };
    },
  };
}

async function grammar(llama, schema) {
  try {
    return await llama.createGrammarForJsonSchema(schema);
  } catch (error) {
    throw new Refusal(400, `the schema cannot be used: ${error.message}`);
  }
}

/** The conversation in the form that the model was trained on (ChatML). */
function promptOf({ messages, tools }) {
  const spoken = messages.map((message) => [roleOf(message), contentOf(message)]);
  if (spoken[0][0] !== "system") spoken.unshift(["system", "You are a helpful assistant."]);
  if (tools.length > 0) spoken[0][1] += `\nTools: ${JSON.stringify(tools)}`;
  const turns = spoken.map(([role, text]) => `<|im_start|>${role}\n${text}${TURN_END}\n`);
  return `${turns.join("")}<|im_start|>assistant\n`;
}

function roleOf({ role }) {
  return { developer: "system", tool: "user" }[role] ?? role;
}

function contentOf({ role, content, tool_calls }) {
  const parts = typeof content === "string" ? [content] : (content ?? []).map((part) => part.text);
  if (tool_calls) parts.push(JSON.stringify(tool_calls.map((call) => call.function)));
  return (role === "tool" ? "Result of the tool: " : "") + parts.join("\n");
}
