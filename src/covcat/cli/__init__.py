"""The command line: parse, call, print, choose the exit code. One module per command group."""
