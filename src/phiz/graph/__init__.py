"""Networks as values: architectures, graphs, shape inference and passes."""
