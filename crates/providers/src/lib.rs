//! Model vendors behind one port: scripted, OpenAI-compatible, Anthropic, Gemini, Ollama.
//!
//! Nothing here tries again, reads the environment or keeps anything between two calls.

pub mod prices;
pub mod scripted;
mod tokens;
pub mod vendor;
