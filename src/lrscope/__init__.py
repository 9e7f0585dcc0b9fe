"""lrscope: which learning rate and schedule should I use to fine-tune a LLaMA, and how sure can I be?"""

__version__ = "0.1.0"
