"""``python -m mnist_etc labels``: what is done with a database of labels by hand."""
