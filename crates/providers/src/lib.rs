//! Model vendors behind one port: scripted, OpenAI (chat completions and responses) and those who
//! speak like it, Anthropic, Gemini, Ollama.
//!
//! Nothing here tries again, reads the environment or keeps anything between two calls.

mod delivery;
pub mod prices;
pub mod scripted;
mod tokens;
pub mod vendor;
