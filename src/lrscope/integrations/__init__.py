"""lrscope's schedules in other people's loops: plain torch, Hugging Face Trainer, Lightning."""
