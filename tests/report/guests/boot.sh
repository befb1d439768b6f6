# Does nothing: only the boot matters.
