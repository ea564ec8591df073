"""Images in tables: CSV, Parquet and Arrow files, a folder of them, streamed in bounded memory.

`source` tells what a file is and opens it, `layout` which columns hold what, `pixels` and `labels` turn columns into
images and classes, `dataset` reads training data.
"""
