"""What runs a graph. The only folder that knows an inference runtime."""
