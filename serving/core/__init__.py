"""Tensors, pictures and the model, without a word of HTTP."""
