"""Pictures: what people look at, those that answers are written in and those that are only read."""
