"""One kernel: an IPython shell in a forked process, and its channels to the supervisor."""
