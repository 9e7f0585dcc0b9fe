"""What is called from Python: `lrscope.sweep`, and the study that it returns."""
