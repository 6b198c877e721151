//! Model vendors behind one port: scripted, OpenAI-compatible, Anthropic, Gemini, Ollama.
