"""LLaMA, native and through transformers; weights and tokenizers from wherever they are kept."""
