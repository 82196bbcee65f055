//! Servers started by Tachograph: a real llama.cpp engine and a simulated one behind Ollama and OpenAI routes.
