"""What a user asks for, whole: values in, values out; progress by callback, stopped by a handle, printing nothing."""
