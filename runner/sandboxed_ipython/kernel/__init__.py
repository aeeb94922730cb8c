"""One kernel: an IPython shell in a forked process, with its channels to the supervisor."""
